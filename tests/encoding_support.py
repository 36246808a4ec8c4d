"""A table encoder fitted on a DataFrame, for the tests of features and reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from anomaly_ae.estimators.frames import contract_of, to_table
from anomaly_ae.features.table import Encoded, TableEncoder
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.spec import FeatureSpec


@dataclass(frozen=True)
class Fitted:
    """An encoder and the contract of the rows it was fitted on."""

    encoder: TableEncoder
    contract: Contract

    def table(self, rows: Mapping[str, Any] | pd.DataFrame) -> pa.Table:
        """Return rows as a table with the contract's columns and types."""
        return to_table(pd.DataFrame(rows), self.contract)

    def encode(self, rows: Mapping[str, Any] | pd.DataFrame) -> Encoded:
        """Encode rows."""
        return self.encoder.transform(self.table(rows))

    def expected(self, column: str, rows: Mapping[str, Any] | pd.DataFrame) -> list[str]:
        """Return as text what the encoding of rows stands for in one column."""
        texts: list[str] = self.encoder.expected(
            self.encoder.names.index(column), self.encode(rows).elements
        ).to_pylist()
        return texts

    def elements_of(self, column: str, rows: Mapping[str, Any] | pd.DataFrame) -> NDArray[np.float32]:
        """Return the elements of one column, `(n, width)`."""
        in_column = self.encoder.column_of_element == self.encoder.names.index(column)
        return self.encode(rows).elements[:, in_column]


def fit(rows: Mapping[str, Any] | pd.DataFrame, **features: Any) -> Fitted:
    """Fit an encoder on train rows."""
    frame = pd.DataFrame(rows)
    contract = contract_of(frame)
    return Fitted(TableEncoder.fit(to_table(frame, contract), contract.features, FeatureSpec(**features)), contract)

"""The table encoder: source columns to standardised float32 elements, and elements back to source columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from anomaly_ae.errors import ContractError
from anomaly_ae.features.categories import BooleanColumn, CategoricalColumn
from anomaly_ae.features.cells import MISSING, Mask, Raw, with_share
from anomaly_ae.features.datetimes import DatetimeColumn
from anomaly_ae.features.numbers import NumericColumn
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.spec import FeatureSpec, Role, Section

FeatureColumn = Annotated[
    NumericColumn | BooleanColumn | CategoricalColumn | DatetimeColumn, Field(discriminator="kind")
]
_COLUMN_KINDS: dict[Role, type[NumericColumn | BooleanColumn | CategoricalColumn | DatetimeColumn]] = {
    Role.NUMERIC: NumericColumn,
    Role.BOOLEAN: BooleanColumn,
    Role.CATEGORICAL: CategoricalColumn,
    Role.DATETIME: DatetimeColumn,
}

_ALL_ROWS = slice(None)
LINEAR_RANGE = 1000.0
"""Standard deviations up to which an element is linear; beyond, it grows logarithmically.

Wide, so that rows far from the train rows still differ; bounded, because elements are squared in float32."""


@dataclass(frozen=True)
class Encoded:
    """Rows as the network sees them.

    Attributes:
        elements: standardised, finite, `(n, d)` float32; 0 where a cell is missing.
        surprise: `(n, columns)`; True where a cell holds a value, or a gap, unseen in train.
    """

    elements: NDArray[np.float32]
    surprise: Mask


class TableEncoder(Section):
    """The fitted columns, and the mean and standard deviation of each of their elements."""

    columns: tuple[FeatureColumn, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def fit(cls, table: pa.Table, contracts: Sequence[ColumnContract], spec: FeatureSpec) -> Self:
        """Learn every column from the train rows.

        Raises:
            ContractError: no column varies among the train rows, so there is nothing to reconstruct.
        """
        columns = tuple(
            _COLUMN_KINDS[contract.role].fit(table.column(contract.name), contract, spec) for contract in contracts
        )
        moments = [_mean_and_std(column.raw(table.column(column.name)), column.min_std) for column in columns]
        mean, std = (np.concatenate([moment[order] for moment in moments] or [np.empty(0)]) for order in (0, 1))
        if len(mean) == 0:
            msg = (
                "no feature column varies among the train rows; check the roles and `ignore` in the spec's data section"
            )
            raise ContractError(msg)
        return cls(columns=columns, mean=tuple(mean.tolist()), std=tuple(std.tolist()))

    @property
    def width(self) -> int:
        """Number of elements, d."""
        return len(self.mean)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the source columns, in contract order."""
        return tuple(column.name for column in self.columns)

    @property
    def column_of_element(self) -> NDArray[np.int64]:
        """Index into `columns` of the source column each element belongs to, `(d,)`."""
        return np.repeat(np.arange(len(self.columns)), self._widths)

    def transform(self, table: pa.Table | pa.RecordBatch) -> Encoded:
        """Encode rows.

        Args:
            table: rows with the source columns, in any column order.
        """
        elements = np.empty((self.width, table.num_rows), np.float32)
        surprise = np.empty((len(self.columns), table.num_rows), bool)
        for index, (column, part) in enumerate(zip(self.columns, self._slices, strict=True)):
            cells = table.column(column.name)
            surprise[index] = column.surprise(cells)
            elements[part] = _standardise(
                column.raw(cells).T, self._column(self.mean, part), self._column(self.std, part)
            )
        return Encoded(np.ascontiguousarray(elements.T), surprise.T)

    def expected(
        self, column: int, elements: NDArray[np.float32], rows: NDArray[np.int64] | slice = _ALL_ROWS
    ) -> pa.Array:
        """Return as text the values that reconstructed elements stand for in one source column.

        Args:
            column: index into `columns`.
            elements: reconstructions, `(n, d)`.
            rows: indices of the rows to return, `(m,)`.
        """
        part = self._slices[column]
        std, mean = np.array(self.std[part]), np.array(self.mean[part])
        raw = _decompress(elements[:, part][rows].astype(np.float64)) * std + mean
        texts = self.columns[column].expected(raw)
        if self.columns[column].missing != "sometimes":
            return texts
        # The mean of the missing element is the share of missing cells.
        return pc.if_else(pa.array(raw[:, -1] > 0.5), pa.scalar(with_share(MISSING, mean[-1])), texts)

    @property
    def _widths(self) -> list[int]:
        return [len(column.min_std) for column in self.columns]

    @property
    def _slices(self) -> list[slice]:
        ends = np.cumsum([0, *self._widths]).tolist()
        return [slice(start, end) for start, end in pairwise(ends)]

    @staticmethod
    def _column(values: tuple[float, ...], part: slice) -> Raw:
        return np.array(values[part])[:, None]


def _mean_and_std(raw: Raw, min_std: Sequence[float]) -> tuple[Raw, Raw]:
    """Return the mean and standard deviation of each element, ignoring missing cells.

    Numbers are divided by the largest before squaring, so that 1e300 does not overflow. A constant element is not
    scaled.
    """
    scale = np.nanmax(np.abs(raw), axis=0, initial=np.finfo(float).tiny)
    mean, std = np.nanmean(raw / scale, axis=0) * scale, np.nanstd(raw / scale, axis=0) * scale
    std = np.maximum(std, min_std)
    return mean, np.where(std > 0, std, 1.0)


def _standardise(raw: Raw, mean: Raw, std: Raw) -> Raw:
    """Standardise elements `(w, n)`; missing ones become 0, the mean, and far ones are compressed."""
    standard = np.nan_to_num((raw - mean) / std, nan=0.0)
    far = np.maximum(np.abs(standard) - LINEAR_RANGE, 0)
    if far.any():
        standard = np.sign(standard) * (np.minimum(np.abs(standard), LINEAR_RANGE) + np.log1p(far))
    compressed: Raw = standard
    return compressed


def _decompress(standard: Raw) -> Raw:
    """Undo the compression of far elements; bounded, because a reconstruction may take any value."""
    far = np.clip(np.abs(standard) - LINEAR_RANGE, 0, 300)
    raw: Raw = np.sign(standard) * (np.minimum(np.abs(standard), LINEAR_RANGE) + np.expm1(far))
    return raw

"""Simple methods that a model of tables is compared with, on the elements that its encoder makes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anomaly_ae.evaluation.baselines import BASELINES
from anomaly_ae.features.table import TableEncoder
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.modalities.tables.model import ModelSpec, fit_model
from anomaly_ae.spec import Spec

_UNTRAINED = "untrained network"


@dataclass(frozen=True)
class TableBaselines:
    """Fits every simple method on train rows and scores others.

    Attributes:
        encoder: of the model.
        spec: that the model was trained with.
        features: the columns it reads.
    """

    encoder: TableEncoder
    spec: Spec
    features: Sequence[ColumnContract]

    def __call__(self, train: pa.Table, rows: pa.Table) -> dict[str, NDArray[np.float64]]:
        """Return the scores of each method, `(n,)`, higher for more anomalous rows."""
        spec = self.spec
        untrained = spec.training.model_copy(update={"steps": 0, "robust": False})
        network = fit_model(train, self.features, ModelSpec(spec.features, spec.network, untrained, spec.scoring))
        elements = self.encoder.transform(train).elements, self.encoder.transform(rows).elements
        return {
            _UNTRAINED: network.score(rows).anomaly_score,
            **{name: score(*elements) for name, score in BASELINES.items()},
        }

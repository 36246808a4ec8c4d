"""The model of tables: encoder, network and error scale, shared by the stages and the scikit-learn view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from anomaly_ae.features.table import TableEncoder
from anomaly_ae.ingest.contract import ROW_ID, ColumnContract
from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.modalities.model import Fitted, ModelParts
from anomaly_ae.monitoring.profile import Profile
from anomaly_ae.networks.autoencoder import Autoencoder
from anomaly_ae.networks.row_network import row_network
from anomaly_ae.scoring.reasons import reasons
from anomaly_ae.scoring.scores import ErrorScale, Scores, score
from anomaly_ae.spec import (
    FeatureSpec,
    NetworkChoice,
    ScoringSpec,
    Spec,
    TrainingSpec,
)
from anomaly_ae.split import SplitRule, gather
from anomaly_ae.threshold import validation_rows
from anomaly_ae.training import UNATTENDED, Check, Conduct, select_device
from anomaly_ae.training.trimming import far_rows


class TableParts(ModelParts):
    """What `model.json` says of a model of tables, besides its spec."""

    kind: Literal["table"] = "table"
    encoder: TableEncoder
    error_weight: tuple[tuple[float, ...], ...]

    @property
    def summary(self) -> str:
        """A short phrase for what the autoencoder reads."""
        return f"{self.encoder.width} elements of {len(self.encoder.columns)} columns"


@dataclass(frozen=True)
class TableModel:
    """A trained autoencoder, the encoder before it and the error scale after it.

    Attributes:
        encoder: maps source columns to elements.
        network: reconstructs elements; in evaluation mode.
        scale: maps element errors to contributions.
        scoring: number of passes, whitening, number of reasons.
        history: the checks of the training.
        trimmed: indices of the train rows that were left out as too far from all others, ascending.
        batch_rows: rows that scoring reads at once.
    """

    encoder: TableEncoder
    network: Autoencoder
    scale: ErrorScale
    scoring: ScoringSpec
    history: tuple[Check, ...] = ()
    trimmed: tuple[int, ...] = ()
    batch_rows: ClassVar[int] = 32_768

    @property
    def parts(self) -> TableParts:
        """What `model.json` holds of it."""
        return TableParts(encoder=self.encoder, error_weight=self.scale.weight.tolist())

    @classmethod
    def rebuild(cls, parts: TableParts, tensors: Mapping[str, Tensor], spec: Spec, history: tuple[Check, ...]) -> Self:
        """Rebuild the model from what a model version holds."""
        encoder = parts.encoder
        network = row_network(spec.network).empty(encoder.width, tensors)
        network.load_state_dict(dict(tensors), strict=True)
        weight, columns = np.array(parts.error_weight), len(encoder.columns)
        scale = ErrorScale(weight, encoder.column_of_element, columns, spec.scoring.passes)
        return cls(encoder, network.eval(), scale, spec.scoring, history)

    def score(self, rows: pa.Table | pa.RecordBatch) -> Scores:
        """Score rows that hold the encoder's source columns."""
        return score(self.network, self.encoder.transform(rows), self.scale)

    def reasons(self, rows: pa.Table | pa.RecordBatch, scores: Scores) -> pa.ListArray:
        """Return each row's largest contributions, as the scored table holds them."""
        return reasons(self.encoder, rows, scores, self.scoring.reasons)


@dataclass(frozen=True)
class ModelSpec:
    """The sections of a spec that a model depends on."""

    features: FeatureSpec
    network: NetworkChoice
    training: TrainingSpec
    scoring: ScoringSpec


def fit_model(
    table: pa.Table, columns: Sequence[ColumnContract], spec: ModelSpec, conduct: Conduct = UNATTENDED
) -> TableModel:
    """Fit encoder, network and error scale on train rows.

    Args:
        table: train rows with the columns in `columns`; normal rows, except for a few with `training.robust`.
        columns: contracts of the feature columns.
        spec: features, network, training and scoring.
        conduct: progress callback, checkpoints and process group.

    Raises:
        ContractError: no column varies.
        SpecError: the network reads pictures.
        TrainingError: the training diverged.
    """
    trimmed = _far_rows(table, columns, spec) if spec.training.robust else ()
    if trimmed:
        table = table.take(np.setdiff1d(np.arange(table.num_rows), trimmed))
    encoder = TableEncoder.fit(table, columns, spec.features)
    elements = _elements(encoder, table, spec)
    fit = row_network(spec.network).fit(elements, spec.training, spec.scoring, conduct)
    scale = ErrorScale(fit.weight, encoder.column_of_element, len(encoder.columns), spec.scoring.passes)
    return TableModel(encoder, fit.autoencoder, scale, spec.scoring, fit.history, trimmed)


def fit_table(dataset: RowStore, rule: SplitRule, spec: Spec, conduct: Conduct = UNATTENDED) -> Fitted:
    """Fit a model on a dataset's train rows and score its validation rows.

    Raises:
        AnomalyAEError: the rows cannot be split or trained on.
    """
    split = gather(dataset, rule, spec.training.max_rows)
    model_spec = ModelSpec(spec.features, spec.network, spec.training, spec.scoring)
    model = fit_model(split.train, dataset.contract.features, model_spec, conduct)
    parts = split.validation.to_batches(max_chunksize=model.batch_rows)
    scores = np.concatenate([model.score(part).anomaly_score for part in parts])
    profile = Profile.fit(split.train, dataset.contract.features)
    trimmed = split.train.column(ROW_ID).take(np.array(model.trimmed, np.int64)).to_pylist()
    return Fitted(
        model, validation_rows(split.validation, scores, dataset.contract), split.facts, tuple(trimmed), profile
    )


def _far_rows(table: pa.Table, columns: Sequence[ColumnContract], spec: ModelSpec) -> tuple[int, ...]:
    """Return the indices of the rows to trim, as an encoder sees them that was fitted on all rows."""
    elements = _elements(TableEncoder.fit(table, columns, spec.features), table, spec)
    return tuple(torch.nonzero(far_rows(elements, spec.training.seed)).ravel().tolist())


def _elements(encoder: TableEncoder, table: pa.Table, spec: ModelSpec) -> Tensor:
    return torch.from_numpy(encoder.transform(table).elements).to(select_device(spec.training.device))

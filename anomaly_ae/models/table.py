"""The model of tables: encoder, network and error scale; the same object behind the steps and the scikit-learn view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from anomaly_ae.features.table import TableEncoder
from anomaly_ae.ingest.contract import ROW_ID, ColumnContract
from anomaly_ae.ingest.dataset import Dataset
from anomaly_ae.models.model import Fitted
from anomaly_ae.networks import Autoencoder, Memory, build, build_dense, whitening
from anomaly_ae.networks.dense import DenseNetwork
from anomaly_ae.profile import Profile
from anomaly_ae.reasons import reasons
from anomaly_ae.scoring import BATCH_ROWS, ErrorScale, Scores, fit_weight, score
from anomaly_ae.spec import (
    FeatureSpec,
    MemoryNetwork,
    NetworkSpec,
    ScoringSpec,
    Section,
    Spec,
    TextbookNetwork,
    TrainingSpec,
)
from anomaly_ae.split import SplitRule, gather
from anomaly_ae.threads import side_by_side
from anomaly_ae.training import Check, NoiseRange, OnCheck, assign_folds, select_device, train
from anomaly_ae.trimming import far_rows


class TableParts(Section):
    """What `model.json` says of a model of tables, besides its spec."""

    kind: Literal["table"] = "table"
    encoder: TableEncoder
    error_weight: tuple[tuple[float, ...], ...]

    @property
    def summary(self) -> str:
        """What the autoencoder reads, in a few words."""
        return f"{self.encoder.width} elements of {len(self.encoder.columns)} columns"


@dataclass(frozen=True)
class TableModel:
    """A trained autoencoder with the encoder in front of it and the error scale behind it.

    Attributes:
        encoder: source columns to elements.
        network: reconstructs elements, in evaluation mode.
        scale: element errors to contributions.
        scoring: passes, whitening, reasons.
        history: the checks of its training.
        trimmed: indices of the train rows that were left out as too far from the others, ascending.
        batch_rows: rows that scoring reads at once.
    """

    encoder: TableEncoder
    network: Autoencoder
    scale: ErrorScale
    scoring: ScoringSpec
    history: tuple[Check, ...] = ()
    trimmed: tuple[int, ...] = ()
    batch_rows: ClassVar[int] = 65_536

    @property
    def parts(self) -> TableParts:
        """What `model.json` says of it."""
        return TableParts(encoder=self.encoder, error_weight=self.scale.weight.tolist())

    @classmethod
    def rebuild(cls, parts: TableParts, tensors: Mapping[str, Tensor], spec: Spec, history: tuple[Check, ...]) -> Self:
        """Make the model again from what a model version holds."""
        encoder = parts.encoder
        memory_rows = [len(tensors[name]) for name in sorted(tensors) if "stored" in name]
        network = build(spec.network, encoder.width, memory_rows)
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
    """The parts of a spec that say how a model is made."""

    features: FeatureSpec
    network: NetworkSpec
    training: TrainingSpec
    scoring: ScoringSpec


def fit_model(
    table: pa.Table, columns: Sequence[ColumnContract], spec: ModelSpec, on_check: OnCheck | None = None
) -> TableModel:
    """Fit encoder, network and error scale on train rows.

    Args:
        table: train rows, normal ones but for some if `training.robust`, with the columns named in `columns`.
        columns: contracts of the feature columns.
        spec: how.
        on_check: told of the training's progress.

    Raises:
        ContractError: no column varies.
        TrainingError: the training diverged.
    """
    trimmed = _far_rows(table, columns, spec) if spec.training.robust else ()
    if trimmed:
        table = table.take(np.setdiff1d(np.arange(table.num_rows), trimmed))
    encoder = TableEncoder.fit(table, columns, spec.features)
    elements = _elements(encoder, table, spec)
    network = _initialised(spec, encoder.width).to(elements.device)
    fold = assign_folds(len(elements), network.members, spec.training.early_stopping_share, spec.training.seed)
    frame, *memory_frames = _frames(elements, spec.network)
    history = train(network, elements @ frame, fold, spec.training, noise=_noise(spec.network), on_check=on_check)
    own = _draw_memory(len(elements), spec)
    memories = _memories(elements, own, spec.network, memory_frames)
    autoencoder = Autoencoder.of(network, elements, frame, memories).eval()
    errors = _mean_unseen_errors(autoencoder, elements, fold, own, spec.scoring.passes)
    weight = fit_weight(errors, whiten=spec.scoring.whiten)
    scale = ErrorScale(weight, encoder.column_of_element, len(encoder.columns), spec.scoring.passes)
    return TableModel(encoder, autoencoder, scale, spec.scoring, tuple(history), trimmed)


def fit_table(dataset: Dataset, rule: SplitRule, spec: Spec, on_check: OnCheck | None = None) -> Fitted:
    """Fit a model on a dataset's train rows and score its validation rows.

    Raises:
        AnomalyAEError: the rows cannot be split or trained on.
    """
    split = gather(dataset, rule, spec.training.max_rows)
    how = ModelSpec(spec.features, spec.network, spec.training, spec.scoring)
    model = fit_model(split.train, dataset.contract.features, how, on_check)
    scores = np.sort(model.score(split.validation).anomaly_score)
    profile = Profile.fit(split.train, dataset.contract.features)
    trimmed = split.train.column(ROW_ID).take(np.array(model.trimmed, np.int64)).to_pylist()
    return Fitted(model, pa.table({"anomaly_score": scores}), split.facts, tuple(trimmed), profile)


def _far_rows(table: pa.Table, columns: Sequence[ColumnContract], spec: ModelSpec) -> tuple[int, ...]:
    """Return the indices of the rows to trim; seen through an encoder that was fitted on them too."""
    elements = _elements(TableEncoder.fit(table, columns, spec.features), table, spec)
    return tuple(torch.nonzero(far_rows(elements, spec.training.seed)).ravel().tolist())


def _elements(encoder: TableEncoder, table: pa.Table, spec: ModelSpec) -> Tensor:
    return torch.from_numpy(encoder.transform(table).elements).to(select_device(spec.training.device))


def _initialised(spec: ModelSpec, width: int) -> DenseNetwork:
    """Build the dense network with initial weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.training.seed)
        return build_dense(spec.network, width).eval()


def _noise(spec: NetworkSpec) -> NoiseRange | None:
    return None if isinstance(spec, TextbookNetwork) else NoiseRange(spec.noise_min, spec.noise_max)


def _draw_memory(rows: int, spec: ModelSpec) -> Tensor:
    """Draw the train rows that are stored: the place of each row in the memories, `(rows,)`, -1 for the others."""
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(spec.training.seed + 1))
    size = spec.network.rows if isinstance(spec.network, MemoryNetwork) else 0
    return torch.where(order < size, order, -1)


def _frames(elements: Tensor, spec: NetworkSpec) -> list[Tensor]:
    """Return the frame of each part: of the network, then of each memory.

    With fewer rows than elements the covariance is singular: the directions in which the rows hardly vary carry the
    signal, and all parts work whitened. Else one memory alone does.
    """
    rows, width = elements.shape
    plain = torch.eye(width, device=elements.device)
    if not isinstance(spec, MemoryNetwork):
        return [plain]
    white = whitening(elements, spec.shrinkage)
    return [white, white] if rows < width else [plain, plain, white]


def _memories(elements: Tensor, own: Tensor, spec: NetworkSpec, frames: Sequence[Tensor]) -> list[Memory]:
    """Store the drawn rows once in each frame."""
    if not isinstance(spec, MemoryNetwork):
        return []
    drawn = torch.nonzero(own >= 0).ravel()
    stored = elements[drawn[own[drawn].argsort()]]
    return [Memory.of(stored, spec.neighbours, frame) for frame in frames]


def _mean_unseen_errors(
    autoencoder: Autoencoder, elements: Tensor, fold: Tensor, own: Tensor, passes: int
) -> NDArray[np.float64]:
    """Return each part's mean error on each element of train rows it had not seen, `(parts, d)`."""
    rows = (elements, fold.to(elements.device), own.to(elements.device))
    sums = side_by_side(
        lambda batch: autoencoder.unseen_errors(batch[0], batch[1], batch[2], passes).double().sum(dim=1),
        zip(*(torch.split(one, BATCH_ROWS) for one in rows), strict=True),
    )
    mean: NDArray[np.float64] = (torch.stack(sums).sum(dim=0) / len(elements)).cpu().numpy()
    return mean

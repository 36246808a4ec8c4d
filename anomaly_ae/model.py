"""The model: what scoring needs and training makes; the same object behind the steps and the scikit-learn view."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import nn

from anomaly_ae.features.table import TableEncoder
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.networks import build
from anomaly_ae.reasons import reasons
from anomaly_ae.scoring import SURPRISE, ErrorScale, Scores, mean_element_errors, score
from anomaly_ae.spec import DenoisingNetwork, FeatureSpec, NetworkSpec, ScoringSpec, TrainingSpec
from anomaly_ae.training import Check, NoiseRange, OnCheck, select_device, train


@dataclass(frozen=True)
class Model:
    """A trained autoencoder with the encoder in front of it and the error scale behind it.

    Attributes:
        encoder: source columns to elements.
        network_spec: what the network was built from.
        network: reconstructs elements, in evaluation mode.
        scale: element errors to contributions.
        scoring: passes, whitening, reasons.
        history: the checks of its training.
    """

    encoder: TableEncoder
    network_spec: NetworkSpec
    network: nn.Module
    scale: ErrorScale
    scoring: ScoringSpec
    history: tuple[Check, ...] = ()

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
) -> Model:
    """Fit encoder, network and error scale on train rows.

    Args:
        table: train rows, normal ones, with the columns named in `columns`.
        columns: contracts of the feature columns.
        spec: how.
        on_check: told of the training's progress.

    Raises:
        ContractError: no column varies.
        TrainingError: the training diverged.
    """
    encoder = TableEncoder.fit(table, columns, spec.features)
    elements = encoder.transform(table).elements
    network = _initialised(spec, encoder.width)
    noise = _noise(spec.network)
    history = train(network, torch.from_numpy(elements), spec.training, noise, on_check)
    scale = fit_scale(network, encoder, elements, spec.scoring)
    return Model(encoder, spec.network, network, scale, spec.scoring, tuple(history))


def fit_scale(
    network: nn.Module, encoder: TableEncoder, elements: NDArray[np.float32], spec: ScoringSpec
) -> ErrorScale:
    """Learn from train rows how element errors are weighed: their contributions sum to 1 on average."""
    mean = mean_element_errors(network, elements, spec.passes)
    weight = 1 / np.maximum(mean, 0.05 * mean.mean()) if spec.whiten else np.ones_like(mean) / mean.mean()
    return ErrorScale(weight / len(mean), encoder.column_of_element, len(encoder.columns), spec.passes, SURPRISE)


def _initialised(spec: ModelSpec, width: int) -> nn.Module:
    """Build the network on its device, with initial weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.training.seed)
        network = build(spec.network, width)
    return network.to(select_device(spec.training.device)).eval()


def _noise(spec: NetworkSpec) -> NoiseRange | None:
    return NoiseRange(spec.noise_min, spec.noise_max) if isinstance(spec, DenoisingNetwork) else None

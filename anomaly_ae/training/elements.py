"""Fitting on elements, whatever they stand for: a dense network, its memories, and the units of their errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anomaly_ae.networks import Autoencoder, Memory, build_dense, whitening
from anomaly_ae.networks.dense import DenseNetwork
from anomaly_ae.networks.threads import side_by_side
from anomaly_ae.scoring.scores import BATCH_ROWS, fit_weight
from anomaly_ae.spec import MemoryNetwork, NetworkSpec, ScoringSpec, TextbookNetwork, TrainingSpec
from anomaly_ae.training import UNATTENDED, Check, Conduct, NoiseRange, assign_folds, train

MAX_WEIGHED_ROWS = 32_768
"""Train rows that the parts' mean errors are taken from; more would take time and hardly move them."""


@dataclass(frozen=True)
class DenseFit:
    """What was learned from elements.

    Attributes:
        autoencoder: in evaluation mode.
        weight: of each part's error of each element in the score, `(parts, d)`.
        history: the checks of the training.
    """

    autoencoder: Autoencoder
    weight: NDArray[np.float64]
    history: tuple[Check, ...]


def fit_dense(
    elements: Tensor,
    network: NetworkSpec,
    training: TrainingSpec,
    scoring: ScoringSpec,
    conduct: Conduct = UNATTENDED,
) -> DenseFit:
    """Fit an autoencoder on train rows, and weigh its parts by their errors of rows they had not seen.

    Args:
        elements: train rows, `(n, d)`, on the device to train on.
        network: kind and sizes.
        training: how.
        scoring: passes and whitening.
        conduct: who is told, where training is put down, who shares the work.

    Raises:
        TrainingError: the training diverged.
    """
    dense = initialised(network, training.seed, elements.shape[1]).to(elements.device)
    fold = assign_folds(len(elements), dense.members, training.early_stopping_share, training.seed)
    frame, *memory_frames = _frames(elements, network)
    history = train(dense, elements @ frame, fold, training, noise=noise(network), conduct=conduct)
    own = _draw_memory(len(elements), network, training.seed)
    memories = _memories(elements, own, network, memory_frames)
    autoencoder = Autoencoder.of(dense, elements, frame, memories).eval()
    weighed = _draw_weighed(len(elements), training.seed)
    errors = _mean_unseen_errors(autoencoder, elements[weighed], fold[weighed], own[weighed], scoring.passes)
    return DenseFit(autoencoder, fit_weight(errors, whiten=scoring.whiten), tuple(history))


def initialised(network: NetworkSpec, seed: int, width: int) -> DenseNetwork:
    """Build the dense network with initial weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_dense(network, width).eval()


def noise(spec: NetworkSpec) -> NoiseRange | None:
    """Return the noise a network is trained with; None for the textbook, which is fed clean rows."""
    return None if isinstance(spec, TextbookNetwork) else NoiseRange(spec.noise_min, spec.noise_max)


def _draw_memory(rows: int, spec: NetworkSpec, seed: int) -> Tensor:
    """Draw the train rows that are stored: the place of each row in the memories, `(rows,)`, -1 for the others."""
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed + 1))
    size = spec.rows if isinstance(spec, MemoryNetwork) else 0
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


def _draw_weighed(rows: int, seed: int) -> Tensor:
    """Draw the train rows that the parts are weighed by: their indices, ascending."""
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed + 2))
    return order[:MAX_WEIGHED_ROWS].sort().values


def _mean_unseen_errors(
    autoencoder: Autoencoder, elements: Tensor, fold: Tensor, own: Tensor, passes: int
) -> NDArray[np.float64]:
    """Return each part's mean error on each element of train rows it had not seen, `(parts, d)`."""
    rows = (elements, fold.to(elements.device), own.to(elements.device))
    sums = side_by_side(
        lambda batch: autoencoder.unseen_errors(batch[0], batch[1], batch[2], passes).double().sum(dim=1),
        zip(*(torch.split(one, BATCH_ROWS) for one in rows), strict=True),
    )
    mean: NDArray[np.float64] = (torch.stack(list(sums)).sum(dim=0) / len(elements)).cpu().numpy()
    return mean

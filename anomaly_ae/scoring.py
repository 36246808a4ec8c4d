"""From rows to scores: the reconstruction, its element errors, what each source column adds, and their sum.

Higher is more anomalous, here and everywhere but in the scikit-learn view of `detector.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad

from anomaly_ae.features.table import Encoded

SURPRISE = 4.0
"""What a cell that no train row could have held adds to its row's score, in means of a train row's score."""
BATCH_ROWS = 2048
"""Rows reconstructed at once, always: small enough for the activations to stay in the processor's cache, and of one
shape, so that a row's score does not depend, not in its last bit, on how many rows come with it."""


@dataclass(frozen=True)
class Scores:
    """What the autoencoder says of n rows.

    Attributes:
        reconstruction_error: plain mean squared error over the elements after one pass, `(n,)`.
        contributions: what each source column adds to the anomaly score, never negative, `(n, columns)`.
        reconstruction: the rows as they would be if they were normal, `(n, d)`, in elements.
    """

    reconstruction_error: NDArray[np.float64]
    contributions: NDArray[np.float64]
    reconstruction: NDArray[np.float32]

    @property
    def anomaly_score(self) -> NDArray[np.float64]:
        """The contributions' sum, `(n,)`."""
        total: NDArray[np.float64] = self.contributions.sum(axis=1)
        return total


@dataclass(frozen=True)
class ErrorScale:
    """How element errors become contributions.

    Attributes:
        weight: of each element's error in the score, `(d,)`.
        column_of_element: index of the source column each element belongs to, `(d,)`.
        columns: number of source columns.
        passes: times the reconstruction is fed back.
        surprise: what a surprising cell adds.
    """

    weight: NDArray[np.float64]
    column_of_element: NDArray[np.int64]
    columns: int
    passes: int
    surprise: float


@torch.inference_mode()
def score(network: nn.Module, rows: Encoded, scale: ErrorScale) -> Scores:
    """Score encoded rows.

    Args:
        network: reconstructs `(n, d)`; in evaluation mode.
        rows: elements and surprises.
        scale: weights of the element errors and their source columns.
    """
    device = next(network.parameters()).device
    by_column = torch.zeros(len(scale.weight), scale.columns, device=device)
    index = torch.from_numpy(scale.column_of_element).to(device)
    by_column[torch.arange(len(index), device=device), index] = torch.from_numpy(scale.weight).float().to(device)
    parts = [
        _score_batch(network, batch.to(device), by_column, scale.passes)
        for batch in _full_batches(rows.elements)
    ]
    count = len(rows.elements)
    error, contributions, reconstruction = (torch.cat(part)[:count].cpu().numpy() for part in zip(*parts, strict=True))
    return Scores(
        reconstruction_error=error.astype(np.float64),
        contributions=contributions.astype(np.float64) + scale.surprise * rows.surprise,
        reconstruction=reconstruction,
    )


def _full_batches(elements: NDArray[np.float32]) -> Iterator[Tensor]:
    """Yield batches of `BATCH_ROWS` rows; the last is filled up with zeros."""
    for start in range(0, max(len(elements), 1), BATCH_ROWS):
        batch = torch.from_numpy(elements[start : start + BATCH_ROWS])
        yield pad(batch, (0, 0, 0, BATCH_ROWS - len(batch)))


def element_errors(rows: Tensor, reconstruction: Tensor) -> Tensor:
    """Return the squared difference of each element, `(n, d)`."""
    return (rows - reconstruction).square()


def _score_batch(network: nn.Module, rows: Tensor, by_column: Tensor, passes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Score a batch; its reconstruction is fed back, since a row far from the data needs several steps to come home."""
    first = reconstruction = network(rows)
    for _ in range(passes - 1):
        reconstruction = network(reconstruction)
    errors = element_errors(rows, reconstruction)
    return element_errors(rows, first).mean(dim=1), errors @ by_column, reconstruction


def mean_element_errors(network: nn.Module, rows: NDArray[np.float32], passes: int) -> NDArray[np.float64]:
    """Return the mean over rows of each element's error, `(d,)`."""
    device = next(network.parameters()).device
    total = torch.zeros(rows.shape[1], dtype=torch.float64, device=device)
    with torch.inference_mode():
        for batch in torch.split(torch.from_numpy(rows).to(device), BATCH_ROWS):
            reconstruction = batch
            for _ in range(passes):
                reconstruction = network(reconstruction)
            total += element_errors(batch, reconstruction).double().sum(dim=0)
    mean: NDArray[np.float64] = (total / len(rows)).cpu().numpy()
    return mean

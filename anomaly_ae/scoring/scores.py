"""Scores: the reconstruction, its element errors, the contribution of each source column, and their sum.

Higher is more anomalous, here and everywhere except in the scikit-learn view of `estimators/tabular.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from anomaly_ae.features.table import Encoded
from anomaly_ae.networks.autoencoder import Autoencoder
from anomaly_ae.networks.layers import wide_product
from anomaly_ae.networks.threads import side_by_side

SURPRISE = 4.0
"""Contribution of a cell with a value unseen in train, in units of the mean score of a train row."""
BATCH_ROWS = 2048
"""Fixed batch size: small enough for the activations to fit the processor's cache; constant, so that a row's score does
not depend, even in its last bit, on the number of rows scored with it."""


@dataclass(frozen=True)
class Scores:
    """The autoencoder's output for n rows.

    Attributes:
        reconstruction_error: plain mean squared error over the elements after one pass, `(n,)`.
        contributions: contribution of each source column, or region of a picture, to the anomaly score, never negative,
            `(n, columns)`.
        reconstruction: the expected elements of normal rows, `(n, d)`: those of the nearest stored train rows if the
            network has a memory, else the network's reconstruction.
    """

    reconstruction_error: NDArray[np.float64]
    contributions: NDArray[np.float64]
    reconstruction: NDArray[np.float32]

    @property
    def anomaly_score(self) -> NDArray[np.float64]:
        """The sum of the contributions, `(n,)`."""
        total: NDArray[np.float64] = self.contributions.sum(axis=1)
        return total


@dataclass(frozen=True)
class ErrorScale:
    """Weights that turn element errors into contributions.

    Attributes:
        weight: weight of each part's error on each element, `(parts, d)`.
        column_of_element: index of the source column each element belongs to, `(d,)`.
        columns: number of source columns.
        passes: number of times the reconstruction is fed back.
    """

    weight: NDArray[np.float64]
    column_of_element: NDArray[np.int64]
    columns: int
    passes: int


def fit_weight(errors: NDArray[np.float64], *, whiten: bool) -> NDArray[np.float64]:
    """Return weights with which all parts contribute equally and a train row scores 1 on average, `(parts, d)`.

    Args:
        errors: mean error of each part on each element, on rows the part has not seen, `(parts, d)`.
        whiten: scale each element by its own mean error, instead of each part by its mean error.
    """
    parts, width = errors.shape
    mean = np.maximum(errors.mean(axis=1, keepdims=True), 1e-6)
    # An element that is reconstructed almost exactly must not dominate.
    scale = np.maximum(errors, 0.05 * mean) if whiten else np.broadcast_to(mean, errors.shape)
    weight: NDArray[np.float64] = 1 / (scale * width * parts)
    return weight


def score(network: Autoencoder, rows: Encoded, scale: ErrorScale) -> Scores:
    """Score encoded rows.

    Args:
        network: in evaluation mode.
        rows: elements and surprises.
        scale: weights of the element errors and their source columns.
    """
    device = next(network.parameters()).device
    by_column = _by_column(scale).to(device)
    count = len(rows.elements)
    parts = side_by_side(
        lambda batch: _score_batch(network, batch.to(device), by_column, scale.passes), _full_batches(rows.elements)
    )
    error, contributions, normal = (torch.cat(part)[:count].cpu().numpy() for part in zip(*parts, strict=True))
    return Scores(
        reconstruction_error=error.astype(np.float64),
        contributions=contributions.astype(np.float64) + SURPRISE * rows.surprise,
        reconstruction=normal,
    )


def _score_batch(network: Autoencoder, rows: Tensor, by_column: Tensor, passes: int) -> tuple[Tensor, Tensor, Tensor]:
    examined = network.examine(rows, passes)
    error = (examined.reconstruction - rows).square().mean(dim=1)
    return error, wide_product(examined.errors, by_column).sum(dim=0), examined.normal


def _by_column(scale: ErrorScale) -> Tensor:
    """Return the matrices that weight each part's element errors and sum them by column, `(parts, d, columns)`."""
    parts, width = scale.weight.shape
    matrices = torch.zeros(parts, width, scale.columns)
    matrices[:, torch.arange(width), torch.from_numpy(scale.column_of_element)] = torch.from_numpy(scale.weight).float()
    return matrices


def _full_batches(elements: NDArray[np.float32]) -> Iterator[Tensor]:
    """Yield batches of `BATCH_ROWS` rows; the last is padded with zeros."""
    for start in range(0, max(len(elements), 1), BATCH_ROWS):
        batch = torch.from_numpy(elements[start : start + BATCH_ROWS])
        yield pad(batch, (0, 0, 0, BATCH_ROWS - len(batch)))

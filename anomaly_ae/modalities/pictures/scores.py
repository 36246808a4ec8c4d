"""From anomaly maps to scores: the mean of a map's hottest pixels, and what each region contributes to it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anomaly_ae.scoring.schema import REASON
from anomaly_ae.scoring.scores import Scores

_REGIONS = 8
"""Regions along each side of a picture."""


@dataclass(frozen=True, kw_only=True)
class PictureScores(Scores):
    """The scores of n pictures; contributions are those of the regions, row by row.

    Attributes:
        maps: anomaly by position, never negative, `(n, side, side)`.
        sizes: original width and height of each picture, `(n, 2)`.
    """

    maps: NDArray[np.float32]
    sizes: NDArray[np.int64]


def of_pictures(scores: Scores) -> PictureScores:
    """Return scores as those of pictures.

    Raises:
        TypeError: they are of another kind of model.
    """
    if not isinstance(scores, PictureScores):
        msg = f"pictures need PictureScores, which hold their maps, not {type(scores).__name__}"
        raise TypeError(msg)
    return scores


def contribute(maps: NDArray[np.float32], top_share: float) -> NDArray[np.float64]:
    """Return what each region contributes to the score, `(n, regions)`; the sum is the mean of the map's hottest share.

    Args:
        maps: `(n, side, side)`.
        top_share: share of the pixels that count; of equally hot ones, the first.
    """
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    count = max(1, round(top_share * flat.shape[1]))
    hottest = np.argsort(-flat, axis=1, kind="stable")[:, :count]
    counted = np.zeros_like(flat)
    np.put_along_axis(counted, hottest, np.take_along_axis(flat, hottest, axis=1) / count, axis=1)
    return _sum_regions(counted.reshape(maps.shape))


def mean_of_regions(maps: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of each region of each map, `(n, side, side)` to `(n, regions)`."""
    area = np.outer(*[np.diff(_edges(maps.shape[1]))] * 2).ravel()
    means: NDArray[np.float64] = _sum_regions(maps.astype(np.float64)) / area
    return means


def region_boxes(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return left, top, right and bottom of each region in pixels of each picture, `(n, 2)` to `(n, regions, 4)`."""
    steps = np.arange(_REGIONS + 1)
    x, y = (np.round(sizes[:, axis, None] * steps / _REGIONS).astype(np.int64) for axis in (0, 1))
    row, column = np.divmod(np.arange(_REGIONS**2), _REGIONS)
    return np.stack([x[:, column], y[:, row], x[:, column + 1], y[:, row + 1]], axis=2)


def region_reasons(scores: PictureScores, expected: NDArray[np.float64], count: int) -> pa.ListArray:
    """Return for each picture the regions that contribute most to its score, largest first, without those of zero.

    Args:
        scores: scores of the pictures.
        expected: mean of each region in the maps of normal pictures, `(regions,)`.
        count: largest number of regions per picture.
    """
    top = np.argsort(-scores.contributions, axis=1, kind="stable")[:, :count]
    adds = np.take_along_axis(scores.contributions, top, axis=1)
    row, place = np.nonzero(adds > 0)
    region = top[row, place]
    boxes = region_boxes(scores.sizes)[row, region]
    fields = [
        pa.array([f"x {left}-{right}, y {upper}-{lower}" for left, upper, right, lower in boxes.tolist()], pa.string()),
        _as_text(mean_of_regions(scores.maps)[row, region]),
        _as_text(expected[region]),
        pa.array(adds[row, place]),
    ]
    offsets = np.concatenate([[0], np.cumsum((adds > 0).sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.StructArray.from_arrays(fields, fields=list(REASON)))


def _as_text(errors: NDArray[np.float64]) -> pa.Array:
    return pa.array([f"error {error:.3g}" for error in errors], pa.string())


def _edges(side: int) -> NDArray[np.int64]:
    return np.round(side * np.arange(_REGIONS + 1) / _REGIONS).astype(np.int64)


def _sum_regions(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    starts = _edges(maps.shape[1])[:-1]
    sums: NDArray[np.float64] = np.add.reduceat(np.add.reduceat(maps, starts, axis=1), starts, axis=2)
    return sums.reshape(len(maps), -1)

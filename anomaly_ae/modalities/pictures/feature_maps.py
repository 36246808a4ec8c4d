"""Fitting on photographs: features of a frozen backbone, a whitening per position, one network for all positions."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anomaly_ae.features.backbones import Backbone
from anomaly_ae.modalities.pictures.rows import PictureRows
from anomaly_ae.networks.feature_maps import FeatureMapAutoencoder, Moments, PositionWhitening, lay_on_grid
from anomaly_ae.networks.threads import one_thread, side_by_side
from anomaly_ae.spec import FeatureMapsNetwork, TrainingSpec
from anomaly_ae.training import UNATTENDED, Check, Conduct, assign_folds, train
from anomaly_ae.training.elements import initialised, noise

PICTURES_AT_ONCE = 16
"""Pictures a network sees at once, always, so that a score does not depend on how many pictures come with it."""


DESCRIBED_AT_ONCE = 2
"""Of them, that the backbone sees at once: the maps between its layers are large, and shall stay in the cache."""


def describe(backbone: Backbone, pictures: Tensor, grid: int) -> Tensor:
    """Return the features of pictures `(n, 3, size, size)`, `(n, grid * grid, channels)`."""
    return torch.cat([lay_on_grid(backbone(some), grid) for some in torch.split(pictures, DESCRIBED_AT_ONCE)])


@dataclass
class FeatureStore:
    """Features of pictures, pass after pass: read from disk where the budget allows it, else computed again.

    Attributes:
        pictures: what is described.
        backbone: by what.
        grid: positions on each side.
        cache: file that receives the features; None where they would not fit the budget.
        written: whether the cache holds all of them.
    """

    pictures: PictureRows
    backbone: Backbone
    grid: int
    cache: Path | None
    written: bool = field(default=False, init=False)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield features `(n, positions, channels)`, rounded to half precision, so that both ways give the same."""
        if self.cache is not None and self.written:
            yield from self._read(self.cache)
            return
        for one in self.pictures:
            batches = torch.split(torch.from_numpy(one.values), PICTURES_AT_ONCE)
            described = side_by_side(lambda batch: describe(self.backbone, batch, self.grid).half(), batches)
            for features in described:
                self._append(features.numpy())
                yield features.float()
        self.written = self.cache is not None

    def _append(self, features: NDArray[np.float16]) -> None:
        if self.cache is not None:
            with self.cache.open("ab") as file:
                file.write(features.tobytes())

    def _read(self, cache: Path) -> Iterator[Tensor]:
        shape = (len(self.pictures), self.grid**2, -1)
        stored = np.memmap(cache, np.float16, mode="r").reshape(shape)
        for start in range(0, len(stored), PICTURES_AT_ONCE):
            yield torch.from_numpy(stored[start : start + PICTURES_AT_ONCE].astype(np.float32))


def fit_feature_maps(
    pictures: PictureRows,
    backbone: Backbone,
    network: FeatureMapsNetwork,
    training: TrainingSpec,
    *,
    cache_bytes: int,
    conduct: Conduct = UNATTENDED,
) -> tuple[FeatureMapAutoencoder, tuple[Check, ...]]:
    """Fit whitening and network on train pictures.

    Args:
        pictures: normal ones.
        backbone: describes them.
        network: grid, shrinkage, sizes and noise.
        training: steps, and `max_rows`: positions that the network is trained on.
        cache_bytes: of disk that features may take.
        conduct: who is told, where training is put down, who shares the work.

    Raises:
        TrainingError: the training diverged.
    """
    channels = feature_channels(backbone, pictures.size, network.grid)
    fits = len(pictures) * network.grid**2 * channels * 2 <= cache_bytes
    with tempfile.TemporaryDirectory(prefix="anomaly_ae-") as directory, one_thread():
        store = FeatureStore(pictures, backbone, network.grid, Path(directory) / "features" if fits else None)
        whitening = _fit_whitening(store, network.shrinkage)
        rows = _draw_positions(store, whitening, training)
    dense = initialised(network, training.seed, channels)
    fold = assign_folds(len(rows), dense.members, training.early_stopping_share, training.seed)
    history = train(dense, rows, fold, training, noise=noise(network), conduct=conduct)
    return FeatureMapAutoencoder(whitening, dense).eval(), tuple(history)


def feature_channels(backbone: Backbone, size: int, grid: int) -> int:
    """Return how many channels the features of one position have."""
    with torch.inference_mode():
        return describe(backbone, torch.zeros(1, 3, size, size), grid).shape[2]


def _fit_whitening(store: FeatureStore, shrinkage: float) -> PositionWhitening:
    moments: Moments | None = None
    for features in store:
        if moments is None:
            moments = Moments(features.shape[1], features.shape[2], features.mean(dim=(0, 1)))
        moments.add(features)
    assert moments is not None, "a split without pictures is refused before"  # noqa: S101  for the type checker
    return moments.whitening(shrinkage)


def _draw_positions(store: FeatureStore, whitening: PositionWhitening, training: TrainingSpec) -> Tensor:
    """Draw whitened positions, equally many of every picture, `(n, channels)`."""
    generator = torch.Generator().manual_seed(training.seed)
    drawn = []
    for features in store:
        positions = features.shape[1]
        each = min(positions, max(1, training.max_rows // len(store.pictures)))
        with torch.inference_mode():
            whitened = whitening(features)
        drawn += [one[torch.randperm(positions, generator=generator)[:each]] for one in whitened]
    return torch.cat(drawn)

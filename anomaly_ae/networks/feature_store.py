"""Features of pictures, read several times in training: stored on disk where they fit, otherwise computed again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anomaly_ae.networks.picture_network import PICTURES_AT_ONCE, FeatureExtractor, PictureBatches
from anomaly_ae.networks.threads import side_by_side


@dataclass
class FeatureStore:
    """The features of pictures, the same at every pass.

    Attributes:
        pictures: whose features.
        extract: computes them.
        positions: of each picture.
        cache: file that receives the features; None where they would not fit.
        written: whether the cache holds all of them.
    """

    pictures: PictureBatches
    extract: FeatureExtractor
    positions: int
    cache: Path | None
    written: bool = field(default=False, init=False)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield features `(n, positions, channels)`, rounded to half precision whether stored or not."""
        if self.cache is not None and self.written:
            yield from self._read(self.cache)
            return
        for some in self.pictures:
            batches = torch.split(torch.from_numpy(some.values), PICTURES_AT_ONCE)
            for features in side_by_side(lambda batch: self.extract(batch).half(), batches):
                self._append(features.numpy())
                yield features.float()
        self.written = self.cache is not None

    def _append(self, features: NDArray[np.float16]) -> None:
        if self.cache is not None:
            with self.cache.open("ab") as file:
                file.write(features.tobytes())

    def _read(self, cache: Path) -> Iterator[Tensor]:
        stored = np.memmap(cache, np.float16, mode="r").reshape(len(self.pictures), self.positions, -1)
        for start in range(0, len(stored), PICTURES_AT_ONCE):
            yield torch.from_numpy(stored[start : start + PICTURES_AT_ONCE].astype(np.float32))

"""Small pictures of one thing, some with a patch that does not belong, and a backbone that needs no download."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from anomaly_ae.features.backbones import Backbone
from anomaly_ae.spec import DataSpec
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.workspace import Workspace

PATCH = 0.6, 0.8
"""Where the patch begins and ends, as a share of the side, on both axes."""


def draw(seed: int, side: int, *, patch: bool = False) -> NDArray[np.uint8]:
    """Draw a grey bar of uneven strength on noise; with a patch, noise of another grain below right."""
    rng = np.random.default_rng(seed)
    picture = rng.normal(60, 6, (side, side))
    picture[side // 4 : side // 2] += 120 * rng.uniform(0.8, 1)
    if patch:
        one, other = (int(share * side) for share in PATCH)
        picture[one:other, one:other] += rng.choice([-40, 90], (other - one, other - one))
    return picture.clip(0, 255).astype(np.uint8)


def write_pictures(root: Path, side: int = 32, train: int = 40, test: int = 12) -> Path:
    """Write pictures in MVTec's layout; half of the test pictures have the patch."""
    for number in range(train + test):
        kind = "good" if number % 2 == 0 or number < train else "patch"
        path = root / ("train" if number < train else "test") / kind / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(number, side, patch=kind == "patch")).save(path)
    return root


def picture_dataset(directory: Path, side: int = 32, train: int = 40, test: int = 12) -> Dataset:
    """Write pictures and ingest them."""
    source = write_pictures(directory / "pictures", side, train, test)
    return ingest(DataSpec(source=str(source)), Workspace.open(directory / "ws")).dataset


def tiny_backbone(_: str, weights: Path | None) -> Backbone:  # noqa: ARG001  as the registry calls it
    """Return random convolutions at strides 4 and 8, the same each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, 8, 4, stride=4), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 12, 2, stride=2))]
    return Backbone(layers, "5eed" * 16, strides=(4, 8))

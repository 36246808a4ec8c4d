"""Scoring pictures, from Parquet to the scored directory, compared with the bare forward pass of the backbone."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from markdown_table import markdown
from numpy.typing import NDArray
from PIL import Image
from run import Runner

SIDE = 256
TRAIN = 128
TEXTURES = ("gravel", "brick")
"""The normal texture, and the one of the patch in every eighth picture to score."""
OVERRIDES = ("split.by=folder", "network.kind=feature_maps", "threshold.target_fpr=0.05")
EXPLANATION = """{pictures:,} pictures. Scoring loads the model, decodes, extracts features, reconstructs, explains, and
writes rows, maps and the overlays of alerts. The bare forward pass has decoded pictures in memory: once as in scoring,
once with the modules of the backbone's package, eight pictures at once. Shares are of CPU seconds."""


def pictures(runner: Runner, directory: Path, options: Any) -> str:
    """Compare the scoring of pictures, from a folder or of scikit-image's textures, with the backbone alone."""
    source = options.pictures or write_pictures(directory / "pictures", options.sizes.pictures)
    once, workspace = Runner(1, runner.threads), directory / "workspace of pictures"
    dataset = once.run("ingest pictures", "ingest", source, workspace)["directory"]
    model = once.run("train pictures", "train", dataset, workspace, *OVERRIDES)["directory"]
    runner.measured |= once.measured
    found = runner.side_by_side(
        {f"{job} pictures": (job, dataset, model) for job in ("score", "backbone", "stock_backbone")}
    )
    return page(*found.values())


def page(ours: dict[str, Any], bare: dict[str, Any], stock: dict[str, Any]) -> str:
    """Return the cost per picture, and the share of the backbone alone."""
    count = int(bare["pictures"])
    head = ("job", "ms per picture", "CPU ms per picture", "bare forward / it", "package's forward / it", "peak MB")
    lines = [
        (job, 1000 * cost["wall_s"] / count, 1000 * cost["cpu_s"] / count,
         f"{bare['cpu_s'] / cost['cpu_s']:.0%}", f"{stock['cpu_s'] / cost['cpu_s']:.0%}", cost["peak_rss_mb"])
        for job, cost in (("scoring", ours), ("bare forward", bare), ("package's forward", stock))
    ]  # fmt: skip
    return f"## Pictures, 256 x 256\n\n{EXPLANATION.format(pictures=count)}\n\n{markdown(head, lines)}"


def write_pictures(root: Path, count: int) -> Path:
    """Write cuts of a texture in MVTec's layout, with a patch of another texture in every eighth picture to score."""
    rng = np.random.default_rng(0)
    normal, foreign = (_texture(name) for name in TEXTURES)
    for number in range(TRAIN + count):
        is_patched = number >= TRAIN and number % 8 == 0
        picture = _cut(normal, SIDE, rng)
        if is_patched:
            picture = picture.copy()
            picture[64:128, 64:128] = _cut(foreign, 64, rng)
        folder = root / ("train" if number < TRAIN else "test") / ("patch" if is_patched else "good")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).convert("RGB").save(folder / f"{number:05d}.png")
    return root


def _texture(name: str) -> NDArray[np.uint8]:
    """Return a texture shipped with scikit-image, 512 x 512."""
    with (files("skimage") / "data" / f"{name}.png").open("rb") as stream:
        return np.asarray(Image.open(stream).convert("L"))


def _cut(texture: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    y, x = rng.integers(0, np.array(texture.shape) - side + 1)
    return texture[y : y + side, x : x + side]

"""Scoring pictures, from Parquet to the scored directory, beside the bare forward of the backbone."""

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
"""Normal, and cut into every eighth of the pictures to score."""
OVERRIDES = ("split.by=folder", "network.kind=feature_maps", "threshold.target_fpr=0.05")
SAID = """{pictures:,} pictures. Scoring loads the model, decodes, describes, reconstructs, explains, and writes rows,
maps and the overlays of alerts. The bare forward has its pictures decoded in memory: once as scoring computes it, once
by the modules of the backbone's package, eight pictures at once. Shares are of CPU seconds."""


def pictures(runner: Runner, directory: Path, options: Any) -> str:
    """Score pictures of the folder given, or of textures from scikit-image, beside the backbone alone."""
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
    """Say what a picture costs, and what share of it the backbone alone would."""
    count = int(bare["pictures"])
    head = ("what", "ms a picture", "CPU ms a picture", "bare forward / it", "package's forward / it", "peak MB")
    lines = [
        (what, 1000 * one["wall_s"] / count, 1000 * one["cpu_s"] / count,
         f"{bare['cpu_s'] / one['cpu_s']:.0%}", f"{stock['cpu_s'] / one['cpu_s']:.0%}", one["peak_rss_mb"])
        for what, one in (("scoring", ours), ("bare forward", bare), ("package's forward", stock))
    ]  # fmt: skip
    return f"## Pictures, 256 x 256\n\n{SAID.format(pictures=count)}\n\n{markdown(head, lines)}"


def write_pictures(root: Path, count: int) -> Path:
    """Write cuts of a texture in MVTec's layout, every eighth of those to score with a patch of another texture."""
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
    """Return a texture that ships inside scikit-image, 512 x 512."""
    with (files("skimage") / "data" / f"{name}.png").open("rb") as stream:
        return np.asarray(Image.open(stream).convert("L"))


def _cut(texture: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    y, x = rng.integers(0, np.array(texture.shape) - side + 1)
    return texture[y : y + side, x : x + side]

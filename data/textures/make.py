"""Recreate the pictures from the textures in scikit-image: `pip install scikit-image`, then run this file.

One photograph of gravel is cut into three zones that share no pixels, for training, calibration and testing. Test
pictures occur unchanged, with a patch of grass, and with a patch of brick.
"""

import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HERE = Path(__file__).parent
SIDE = 64
TRAIN_ROWS, VALIDATION_ROWS, TEST_ROWS = range(3), range(3, 6), range(6, 8)
"""Rows of the grid of 8 x 8 tiles that the photograph is cut into."""

FOREIGN = {"weed": "grass", "brick": "brick"}
"""Kind of anomaly -> texture of its patches."""

Grey = NDArray[np.uint8]


def make(directory: Path) -> Path:
    """Write train, validation, test and ground_truth into `directory`, in MVTec's layout."""
    gravel = read_texture("gravel")
    write(directory / "train/good", train_pictures(gravel))
    write(directory / "validation/good", tiles(gravel, VALIDATION_ROWS))
    test = tiles(gravel, TEST_ROWS)
    write(directory / "test/good", test)
    rng = np.random.default_rng(0)
    for kind, name in FOREIGN.items():
        texture = read_texture(name)
        masks = [draw_mask(rng) for _ in test]
        patched = [np.where(mask, cut_anywhere(texture, rng), tile) for tile, mask in zip(test, masks, strict=True)]
        write(directory / "test" / kind, patched)
        write(directory / "ground_truth" / kind, [np.uint8(255) * mask for mask in masks], "_mask")
    return directory


def read_texture(name: str) -> Grey:
    """Return a texture shipped with scikit-image, 512 x 512."""
    with (files("skimage") / "data" / f"{name}.png").open("rb") as stream:
        return np.asarray(Image.open(stream).convert("L"))


def train_pictures(texture: Grey) -> list[Grey]:
    """Cut the train zone into tiles that overlap by half, like a camera's pictures of a moving surface."""
    top, bottom = TRAIN_ROWS.start * SIDE, TRAIN_ROWS.stop * SIDE
    corners = [
        (y, x)
        for y in range(top, bottom - SIDE + 1, SIDE // 2)
        for x in range(0, texture.shape[1] - SIDE + 1, SIDE // 2)
    ]
    return [texture[y : y + SIDE, x : x + SIDE] for y, x in corners]


def tiles(texture: Grey, rows: range) -> list[Grey]:
    """Cut rows of tiles that share no pixels."""
    columns = range(texture.shape[1] // SIDE)
    return [texture[y * SIDE : (y + 1) * SIDE, x * SIDE : (x + 1) * SIDE] for y in rows for x in columns]


def draw_mask(rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw a randomly rotated ellipse, 20 to 32 pixels across, completely inside the picture."""
    radii = rng.uniform(10, 16, 2)
    centre = rng.uniform(radii.max() + 1, SIDE - radii.max() - 1, 2)
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[:SIDE, :SIDE] - centre[:, None, None]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1


def cut_anywhere(texture: Grey, rng: np.random.Generator) -> Grey:
    """Cut a tile at a random position."""
    y, x = rng.integers(0, np.array(texture.shape) - SIDE + 1)
    return texture[y : y + SIDE, x : x + SIDE]


def write(directory: Path, pictures: list[Grey], ending: str = "") -> None:
    """Write pictures as PNG files, numbered from 000."""
    directory.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(directory / f"{number:03d}{ending}.png", optimize=True)


if __name__ == "__main__":
    print(make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "pictures"))

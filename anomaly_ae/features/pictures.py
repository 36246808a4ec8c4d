"""Pictures as arrays: decoded, resized to one size and number of channels, on a scale of 0 to 1."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anomaly_ae.ingest.pictures.decode import Pixels, decode

PICTURE = "picture"
"""Column of a dataset of pictures that holds their encoded bytes."""


@dataclass(frozen=True)
class PictureBatch:
    """Pictures as a network sees them.

    Attributes:
        values: `(n, colours, size, size)` float32 from 0 to 1.
        sizes: original width and height of each, in pixels, `(n, 2)`.
    """

    values: NDArray[np.float32]
    sizes: NDArray[np.int64]


def read_pictures(rows: pa.Table | pa.RecordBatch, size: int, colours: int) -> PictureBatch:
    """Decode the pictures of rows and resize each to `size` by `size` pixels, whatever its proportions.

    Args:
        rows: with a column `picture`.
        size: pixels on each side.
        colours: 1 for grey, 3 for red, green and blue.
    """
    values = np.empty((rows.num_rows, colours, size, size), np.float32)
    sizes = np.empty((rows.num_rows, 2), np.int64)
    for index, encoded in enumerate(rows.column(PICTURE)):
        pixels = decode(encoded.as_py())
        sizes[index] = pixels.shape[1], pixels.shape[0]
        values[index] = resize(pixels, size, colours)
    return PictureBatch(values, sizes)


def resize(pixels: Pixels, size: int, colours: int) -> NDArray[np.float32]:
    """Resize one picture to `(colours, size, size)` from 0 to 1; shrinking averages pixels."""
    from PIL import Image  # noqa: PLC0415  only pictures need it

    picture = Image.fromarray(pixels).convert("L" if colours == 1 else "RGB")
    if picture.size != (size, size):
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)
    channels = np.asarray(picture).reshape(size, size, colours).transpose(2, 0, 1)
    scaled: NDArray[np.float32] = np.divide(channels, np.float32(255), dtype=np.float32, order="C")
    return scaled

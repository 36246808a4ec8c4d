"""Anomaly maps: the error by place of one picture, brought to the picture's size, and the box of its hottest area.

A map covers the whole picture, however many positions it has, so one rule brings it to any size: bilinear, edges to
edges. Colours, boxes and pixel metrics all use that rule.
"""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomaly_ae.errors import ArtifactError
from anomaly_ae.spec import Section

ErrorMap = NDArray[np.float32 | np.float16]
"""Error by place, never negative, `(height, width)`."""

MAX_ERROR = float(np.finfo(np.float16).max)
"""What a stored map can hold; larger errors are stored as this."""

Size = tuple[int, int]
"""Width and height in pixels."""


class MapScale(Section):
    """What the maps of normal pictures show, measured on validation pictures: one scale for every picture.

    Attributes:
        low: median of their positions; below it nothing is coloured.
        high: 99.9 % of their positions lie below it.
    """

    low: float
    high: float


class Box(NamedTuple):
    """A rectangle in pixels of the original picture; right and bottom are the first ones outside."""

    left: int
    top: int
    right: int
    bottom: int


def compact(error_map: ErrorMap) -> NDArray[np.float16]:
    """Round a map to how it is stored: half precision, which keeps three digits."""
    # The sum turns -0 into 0: stored maps are counted by their bits.
    return (np.clip(error_map, 0, MAX_ERROR) + 0.0).astype(np.float16)


def load_map(path: Path) -> NDArray[np.float16]:
    """Load the map of one picture of a scored table.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    try:
        error_map: NDArray[np.float16] = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        msg = f"{path} cannot be read as an anomaly map: {error}; score the source again"
        raise ArtifactError(msg) from error
    return error_map


def bring_to(error_map: ErrorMap, size: Size) -> NDArray[np.float32]:
    """Interpolate a map at every pixel of a picture of the given width and height, `(height, width)`.

    Where the picture has fewer pixels than the map has positions, a pixel takes the mean of those it covers.
    """
    from PIL import Image  # noqa: PLC0415 - only pictures need it

    whole = Image.fromarray(np.ascontiguousarray(error_map, dtype=np.float32))
    return np.asarray(whole.resize(size, Image.Resampling.BILINEAR))


def hottest_box(error_map: ErrorMap, low: float, size: Size) -> Box:
    """Return the box of the connected area around the hottest position, in pixels of a picture of the given size.

    The area ends where the error has fallen half way to `low`, what normal pictures show.
    """
    from scipy.ndimage import find_objects, label  # noqa: PLC0415 - only pictures need it

    peak = np.unravel_index(np.argmax(error_map), error_map.shape)
    highest = float(error_map[peak])
    areas, _ = label(error_map >= min((highest + low) / 2, highest), np.ones((3, 3)))
    rows, columns = find_objects(areas)[areas[peak] - 1]
    (height, width), (across, down) = error_map.shape, size
    return Box(
        columns.start * across // width,
        rows.start * down // height,
        -(-columns.stop * across // width),
        -(-rows.stop * down // height),
    )

"""Anomaly maps: the error at each position of a picture, resized to the picture, and the box of its hottest area.

A map covers the whole picture whatever its resolution, so the same rule resizes it to any size: bilinear, edges aligned
with edges. Colours, boxes and pixel metrics all use it.
"""

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomaly_ae.errors import ArtifactError
from anomaly_ae.spec import Section
from anomaly_ae.storage.locations import Location

ErrorMap = NDArray[np.float32 | np.float16]
"""Error at each position, never negative, `(height, width)`."""

MAX_ERROR = float(np.finfo(np.float16).max)
"""Largest value of a stored map; larger errors are clipped to it."""

Size = tuple[int, int]
"""Width and height in pixels."""


class MapScale(Section):
    """The colour scale of all pictures, from the maps of the normal validation pictures.

    Attributes:
        low: median over their positions; nothing below it is coloured.
        high: 99.9th percentile over their positions.
    """

    low: float
    high: float


class Box(NamedTuple):
    """A rectangle in pixels of the original picture; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


def compact(error_map: ErrorMap) -> NDArray[np.float16]:
    """Round a map to the stored half precision, which keeps three digits."""
    # Adding 0 turns -0 into 0: pixel metrics count the bits of stored maps.
    return (np.clip(error_map, 0, MAX_ERROR) + 0.0).astype(np.float16)


def load_map(path: Location) -> NDArray[np.float16]:
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
    """Resize a map to a picture of the given width and height, `(height, width)`.

    Enlarging interpolates; shrinking averages the positions that each pixel covers.
    """
    from PIL import Image  # noqa: PLC0415 - only pictures need it

    picture = Image.fromarray(np.ascontiguousarray(error_map, dtype=np.float32))
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))


def hottest_box(error_map: ErrorMap, low: float, size: Size) -> Box:
    """Return the box of the connected area around the hottest position, in pixels of a picture of the given size.

    The area extends to where the error has fallen half-way to `low`, the level of normal pictures.
    """
    from scipy.ndimage import find_objects, label  # noqa: PLC0415 - only pictures need it

    peak = np.unravel_index(np.argmax(error_map), error_map.shape)
    highest = float(error_map[peak])
    areas, _ = label(error_map >= min((highest + low) / 2, highest), np.ones((3, 3)))
    rows, columns = find_objects(areas)[areas[peak] - 1]
    (height, width), (picture_width, picture_height) = error_map.shape, size
    return Box(
        columns.start * picture_width // width,
        rows.start * picture_height // height,
        -(-columns.stop * picture_width // width),
        -(-rows.stop * picture_height // height),
    )

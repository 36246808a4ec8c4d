"""Anomaly maps as colours: transparent where a picture looks normal, glowing where it does not.

All pictures share one scale, fixed on the validation split: a normal picture stays grey, and a colour means the same
error in every picture. 99.9 % of the positions of normal pictures are below half of the scale.
"""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anomaly_ae.scoring.maps import ErrorMap, MapScale, Size, bring_to

if TYPE_CHECKING:
    from PIL.Image import Image

_INFERNO = (
    (0x1B, 0x0C, 0x41),
    (0x4A, 0x0C, 0x6B),
    (0x78, 0x1C, 0x6D),
    (0xA5, 0x2C, 0x60),
    (0xCF, 0x44, 0x46),
    (0xED, 0x69, 0x25),
    (0xFB, 0x9B, 0x06),
    (0xF7, 0xD1, 0x3D),
    (0xFC, 0xFF, 0xA4),
)
"""Evenly spaced colours of the colour map of that name, whose lightness increases uniformly.

Source: Smith and van der Walt, "A better default colormap for matplotlib", SciPy 2015; released as CC0.
"""

_MIN_WIDTH = 1e-12
"""Smallest width of the scale, for validation pictures whose maps are all equal."""

_OPAQUE = 0.75
"""Opacity of the hottest colour."""


def full_scale(scale: MapScale) -> float:
    """Return the error above which the colour no longer changes."""
    return max(2 * scale.high - scale.low, scale.low + _MIN_WIDTH)


def colour_indices(error_map: ErrorMap, scale: MapScale) -> NDArray[np.uint8]:
    """Return the index of each error in the palette, from 0 to 255."""
    share = (error_map.astype(np.float32) - scale.low) / (full_scale(scale) - scale.low)
    indices: NDArray[np.uint8] = np.round(255 * np.clip(share, 0, 1)).astype(np.uint8)
    return indices


@cache
def palette() -> NDArray[np.uint8]:
    """Return the colours of the scale as RGBA, `(256, 4)`."""
    position = np.linspace(0, 1, 256)
    steps = np.linspace(0, 1, len(_INFERNO))
    colours = [np.interp(position, steps, channel) for channel in np.array(_INFERNO, np.float64).T]
    return np.round(np.stack([*colours, 255 * _OPAQUE * position**1.5], axis=1)).astype(np.uint8)


def draw_overlay(pixels: NDArray[np.uint8], error_map: ErrorMap, scale: MapScale, longest: int) -> "Image":
    """Draw a map in colours over its picture in grey.

    Args:
        pixels: the picture, `(h, w)` or `(h, w, 3)`.
        error_map: its map, at any size.
        scale: colour scale of the model.
        longest: largest longer side in pixels; a larger picture is shrunk.
    """
    from PIL import Image  # noqa: PLC0415 - only pictures need it

    grey = shrink(Image.fromarray(pixels), longest).convert("L").convert("RGBA")
    heat = Image.fromarray(palette()[colour_indices(bring_to(error_map, grey.size), scale)])
    return Image.alpha_composite(grey, heat).convert("RGB")


def shrink(picture: "Image", longest: int) -> "Image":
    """Return a picture whose longer side has at most `longest` pixels."""
    size = fit_size(picture.size, longest)
    return picture if size == picture.size else picture.resize(size, reducing_gap=2.0)


def fit_size(size: Size, longest: int) -> Size:
    """Return the width and height of a picture shrunk so that its longer side has at most `longest` pixels."""
    factor = min(1.0, longest / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))

"""Anomaly maps as colours: transparent where a picture is as normal ones are, glowing where it is not.

One scale for all pictures, fixed by the validation split: a normal picture stays grey, and the same colour means the
same error in every picture. Half of the scale is what 99.9 % of the positions of normal pictures stay below.
"""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anomaly_ae.scoring.maps import ErrorMap, MapScale, Size, bring_to

if TYPE_CHECKING:
    from PIL.Image import Image

INFERNO = (
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
"""Even steps of the colour map of that name, whose lightness grows evenly.

Source: Smith and van der Walt, "A better default colormap for matplotlib", SciPy 2015; released as CC0.
"""

MIN_WIDTH = 1e-12
"""Width of the scale where the maps of all validation pictures are the same."""

OPAQUE = 0.75
"""How much the hottest colour hides of the picture below it."""


def full_scale(scale: MapScale) -> float:
    """Return the error from which on the colour no longer changes."""
    return max(2 * scale.high - scale.low, scale.low + MIN_WIDTH)


def levels(error_map: ErrorMap, scale: MapScale) -> NDArray[np.uint8]:
    """Return the place of each error on the colour scale, from 0 to 255."""
    share = (error_map.astype(np.float32) - scale.low) / (full_scale(scale) - scale.low)
    level: NDArray[np.uint8] = np.round(255 * np.clip(share, 0, 1)).astype(np.uint8)
    return level


@cache
def palette() -> NDArray[np.uint8]:
    """Return the colour of each level with its opacity, `(256, 4)`."""
    level = np.linspace(0, 1, 256)
    steps = np.linspace(0, 1, len(INFERNO))
    colours = [np.interp(level, steps, channel) for channel in np.array(INFERNO, np.float64).T]
    return np.round(np.stack([*colours, 255 * OPAQUE * level**1.5], axis=1)).astype(np.uint8)


def draw_overlay(pixels: NDArray[np.uint8], error_map: ErrorMap, scale: MapScale, longest: int) -> "Image":
    """Lay a map in colours over its picture in grey.

    Args:
        pixels: the picture, `(h, w)` or `(h, w, 3)`.
        error_map: its map, at any size.
        scale: of the model.
        longest: pixels of the longer side at most; a larger picture is shrunk.
    """
    from PIL import Image  # noqa: PLC0415 - only pictures need it

    grey = shrink(Image.fromarray(pixels), longest).convert("L").convert("RGBA")
    heat = Image.fromarray(palette()[levels(bring_to(error_map, grey.size), scale)])
    return Image.alpha_composite(grey, heat).convert("RGB")


def shrink(picture: "Image", longest: int) -> "Image":
    """Return a picture whose longer side has at most so many pixels."""
    size = fit_size(picture.size, longest)
    return picture if size == picture.size else picture.resize(size, reducing_gap=2.0)


def fit_size(size: Size, longest: int) -> Size:
    """Return the width and height of a picture shrunk so that its longer side has at most `longest` pixels."""
    factor = min(1.0, longest / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))

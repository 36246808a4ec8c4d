"""A picture in the page: reduced, as a data URI, with its anomaly map and mask as layers over it."""

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion

from anomaly_ae.ingest.pictures.decode import decode
from anomaly_ae.modalities.pictures.heat import colour_indices, fit_size, palette, shrink
from anomaly_ae.scoring.maps import ErrorMap, MapScale, bring_to

_HEAT_SIDE = 96
"""Longer side of a map, in pixels; the browser interpolates the rest."""

_JPEG_QUALITY = 82
_OUTLINE_SIDE = 320
"""Longer side of a mask, in pixels."""

_OUTLINE = (0, 200, 255)
"""Colour of a mask's edge, which does not occur in the map."""


@dataclass(frozen=True)
class PictureLayers:
    """Data URIs of one picture.

    Attributes:
        picture: JPEG.
        heat: the coloured map of the whole picture, transparent where it is normal.
        mask: the edge of the marked area; None if there is no mask.
    """

    picture: str
    heat: str
    mask: str | None

    @property
    def characters(self) -> int:
        """Number of characters in the page."""
        return len(self.picture) + len(self.heat) + len(self.mask or "")


def draw_layers(encoded: bytes, error_map: ErrorMap, mask: bytes | None, scale: MapScale, side: int) -> PictureLayers:
    """Draw the layers of a picture.

    Args:
        encoded: the picture's file content.
        error_map: its anomaly map.
        mask: PNG of the same size, nonzero where the picture is anomalous.
        scale: colour scale of the model's maps.
        side: maximum longer side, in pixels.
    """
    whole = Image.fromarray(decode(encoded))
    small = shrink(whole, side)
    heat = colour_indices(bring_to(error_map, fit_size(whole.size, _HEAT_SIDE)), scale)
    return PictureLayers(
        picture=_as_data(small, "JPEG", quality=_JPEG_QUALITY, optimize=True),
        heat=_as_palette_png(heat, palette()),
        mask=_outline(mask) if mask else None,
    )


def _outline(mask: bytes) -> str:
    """Draw the inner edge of a mask with constant width, which takes few characters at any size."""
    whole = Image.fromarray(decode(mask)).convert("L")
    factor = _OUTLINE_SIDE / max(whole.size)
    marked = np.asarray(whole.resize((max(1, round(whole.width * factor)), max(1, round(whole.height * factor))))) > 127
    edge = marked & ~binary_erosion(marked, np.ones((3, 3), np.bool_), iterations=2)
    return _as_palette_png(edge.astype(np.uint8), np.array([(0, 0, 0, 0), (*_OUTLINE, 255)], np.uint8))


def _as_palette_png(values: NDArray[np.uint8], colours: NDArray[np.uint8]) -> str:
    """Encode values as a PNG with the palette `colours`, `(k, 4)`."""
    picture = Image.fromarray(values)
    picture.putpalette(colours[:, :3].tobytes())
    return _as_data(picture, "PNG", optimize=True, transparency=colours[:, 3].tobytes())


def _as_data(picture: Image.Image, form: str, **settings: Any) -> str:
    stream = io.BytesIO()
    picture.save(stream, form, **settings)
    return f"data:image/{form.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"

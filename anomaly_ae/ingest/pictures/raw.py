"""What every reader of pictures yields: bytes, their origin, and what the source says of them."""

from dataclasses import dataclass

from anomaly_ae.ingest.pictures.layout import Place
from anomaly_ae.spec import DataSpec

_NOWHERE = Place()

_PIXEL_BYTES = 8
"""Red, green, blue and alpha in 16 bits: no file needs more per pixel."""
_HEADER_BYTES = 1 << 20


@dataclass(frozen=True)
class Refusal:
    """Why something in a source is not opened.

    Attributes:
        code: the reject reason, a stable code.
        detail: what is wrong with it, for people.
    """

    code: str
    detail: str


@dataclass(frozen=True)
class RawPicture:
    """One picture of a source, still encoded.

    Attributes:
        row_id: its path, or the name of its file with its path or number there.
        source_file: the file on disk that holds it.
        source_row: its position in that file, from 1.
        encoded: the bytes of the picture, or why they are not read.
        place: its kind and its split.
        masks: the bytes of its masks, or why they are not read.
    """

    row_id: str
    source_file: str
    source_row: int
    encoded: bytes | Refusal
    place: Place = _NOWHERE
    masks: tuple[bytes | Refusal, ...] = ()


def largest_file(data: DataSpec) -> int:
    """Return the largest file size of a picture that may be decoded, in bytes."""
    return data.max_pixels * _PIXEL_BYTES + _HEADER_BYTES

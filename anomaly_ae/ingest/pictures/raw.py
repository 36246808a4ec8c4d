"""What every reader of pictures yields: bytes, where they come from, and what the source says of them."""

from dataclasses import dataclass

from anomaly_ae.ingest.pictures.layout import Place
from anomaly_ae.spec import DataSpec

NOWHERE = Place()

_PIXEL_BYTES = 8
"""Of red, green, blue and alpha in 16 bits: no file holds more for a pixel."""
_HEADER_BYTES = 1 << 20


@dataclass(frozen=True)
class Refusal:
    """Why something in a source is not even opened.

    Attributes:
        code: the reject reason, a stable code.
        detail: a sentence on what is wrong with it.
    """

    code: str
    detail: str


@dataclass(frozen=True)
class RawPicture:
    """One picture as a source holds it.

    Attributes:
        row_id: names it: its path, or the file it is in and its path or number there.
        source_file: the file on disk that holds it.
        source_row: its place in that file, from 1.
        encoded: the bytes of its file; or why they are not read.
        place: its kind, and whether it is for training or test.
        masks: the bytes of the files that mark its anomalous pixels, or why they are not read.
    """

    row_id: str
    source_file: str
    source_row: int
    encoded: bytes | Refusal
    place: Place = NOWHERE
    masks: tuple[bytes | Refusal, ...] = ()


def largest_file(data: DataSpec) -> int:
    """Return how many bytes the file of a picture that may be decoded can have."""
    return data.max_pixels * _PIXEL_BYTES + _HEADER_BYTES

"""A summary of a source of pictures: how many of each kind, and what a sample of them is like."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from anomaly_ae.ingest.pictures.decode import Decoded, PictureError, inspect
from anomaly_ae.ingest.pictures.layout import Place, is_mask, place_of
from anomaly_ae.ingest.pictures.raw import RawPicture
from anomaly_ae.ingest.pictures.readers import PictureFile
from anomaly_ae.spec import DataSpec

SAMPLE = 200
"""Pictures that are decoded."""
_COUNTED = 20_000
"""Pictures of an array or a table that are counted at most; in folders and archives all are, by their names."""


@dataclass(frozen=True)
class PictureSummary:
    """What a summary of pictures holds.

    Attributes:
        places: number of pictures of each origin and kind.
        masks: number of files that mark anomalous pixels.
        sizes: `width x height` of the sample, with counts.
        modes: modes of the sample, with counts.
        formats: formats of the sample, with counts.
        short_side: median of the shorter sides of the sample, in pixels; 0 where none can be decoded.
        refused: number of pictures of the sample that cannot be decoded.
        is_whole: whether all pictures were counted.
    """

    places: Counter[Place]
    masks: int
    sizes: Counter[str]
    modes: Counter[str]
    formats: Counter[str]
    short_side: int
    refused: int
    is_whole: bool


def summarise_pictures(files: Sequence[PictureFile], data: DataSpec) -> PictureSummary:
    """Summarise the pictures of a source.

    Raises:
        SourceError: a file cannot be read.
    """
    names = [name for file in files for name in file.names()]
    places = Counter(place_of(name) for name in names if not is_mask(name))
    unnamed = [file for file in files if not file.names()]
    counted = Counter(picture.place for picture in islice(_read(unnamed, data), _COUNTED))
    sample = [
        _decoded(picture, data) for picture in islice(_read([file.thinned(SAMPLE) for file in files], data), SAMPLE)
    ]
    usable = [decoded for decoded in sample if decoded]
    sides = sorted(min(decoded.pixels.shape[:2]) for decoded in usable)
    return PictureSummary(
        places=places + counted,
        masks=sum(map(is_mask, names)),
        sizes=Counter(f"{decoded.pixels.shape[1]} x {decoded.pixels.shape[0]}" for decoded in usable),
        modes=Counter(decoded.mode for decoded in usable),
        formats=Counter(decoded.format for decoded in usable),
        short_side=sides[len(sides) // 2] if sides else 0,
        refused=len(sample) - len(usable),
        is_whole=counted.total() < _COUNTED,
    )


def _read(files: Sequence[PictureFile], data: DataSpec) -> Iterator[RawPicture]:
    return (picture for file in files for picture in file.read(data))


def _decoded(picture: RawPicture, data: DataSpec) -> Decoded | None:
    if not isinstance(picture.encoded, bytes):
        return None
    try:
        return inspect(picture.encoded, data.max_pixels)
    except PictureError:
        return None  # counted as refused; ingest gives the reason

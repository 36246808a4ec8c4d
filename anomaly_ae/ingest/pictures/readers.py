"""The readers of pictures by container, and a container as a part of a source."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

from anomaly_ae.ingest.pictures.archives import names_in_tar, names_in_zip, read_tar, read_zip
from anomaly_ae.ingest.pictures.folder import hash_folder, read_folder
from anomaly_ae.ingest.pictures.idx_files import read_idx, read_idx_labels
from anomaly_ae.ingest.pictures.layout import is_mask
from anomaly_ae.ingest.pictures.npz_files import read_npz
from anomaly_ae.ingest.pictures.parquet_files import read_parquet_pictures
from anomaly_ae.ingest.pictures.raw import RawPicture
from anomaly_ae.ingest.source import Identity
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.spec import DataSpec

PICTURE_READERS: dict[str, Callable[[SourceFile, DataSpec], Iterator[RawPicture]]] = {
    "folder": read_folder,
    "zip": read_zip,
    "tar": read_tar,
    "npz": read_npz,
    "idx": read_idx,
    "idx-labels": read_idx_labels,
    "parquet-pictures": read_parquet_pictures,
}
"""A new container is a new reader and one line here, and its suffixes in `find.py`."""

_NAMES: dict[str, Callable[[SourceFile], list[str]]] = {
    "folder": lambda file: list(file.members),
    "zip": names_in_zip,
    "tar": names_in_tar,
}


@dataclass(frozen=True)
class PictureFile(SourceFile):
    """A container of pictures, or a folder with those of its pictures that the source names."""

    def read(self, data: DataSpec) -> Iterator[RawPicture]:
        """Yield its pictures in a fixed order.

        Raises:
            SourceError: it cannot be read as what its name says.
        """
        return PICTURE_READERS[self.format](self, data)

    def names(self) -> list[str]:
        """List the paths of its pictures and masks; an array has none.

        Raises:
            SourceError: it cannot be read as what its name says.
        """
        names = _NAMES.get(self.format)
        return names(self) if names else []

    def thinned(self, count: int) -> Self:
        """Return a folder with about `count` of its pictures, from all over it; a container as it is."""
        pictures = [name for name in self.members if not is_mask(name)]
        return replace(self, members=tuple(pictures[:: -(-len(pictures) // count)])) if pictures else self

    def identity(self) -> Identity:
        """Return name, size and SHA-256; of a folder, the hash of the names and contents of its pictures."""
        if not self.members:
            return super().identity()
        size, digest = hash_folder(self)
        return {"name": self.name, "bytes": size, "sha256": digest}

"""The readers of pictures by container, one line each."""

from collections.abc import Callable, Iterator

from anomaly_ae.ingest.pictures.archives import names_in_tar, names_in_zip, read_tar, read_zip
from anomaly_ae.ingest.pictures.folder import read_folder
from anomaly_ae.ingest.pictures.idx_files import read_idx, read_idx_labels
from anomaly_ae.ingest.pictures.npz_files import read_npz
from anomaly_ae.ingest.pictures.parquet_files import read_parquet_pictures
from anomaly_ae.ingest.pictures.raw import RawPicture
from anomaly_ae.ingest.sources import SourceFile
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
"""A new container is a new reader and one line here (and its suffixes in `find.py`)."""

_NAMES: dict[str, Callable[[SourceFile], list[str]]] = {
    "folder": lambda file: list(file.members),
    "zip": names_in_zip,
    "tar": names_in_tar,
}


def names_in(file: SourceFile) -> list[str]:
    """List the paths of the pictures and masks in a container; an array has none."""
    names = _NAMES.get(file.format)
    return names(file) if names else []

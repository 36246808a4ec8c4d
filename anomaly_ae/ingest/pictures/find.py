"""The files that hold the pictures of a source string, in a fixed order."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.pictures.decode import SUFFIXES
from anomaly_ae.ingest.pictures.idx_files import is_idx, is_labels, labels_beside
from anomaly_ae.ingest.pictures.readers import PictureFile
from anomaly_ae.ingest.source_file import is_hidden, nothing_found, root_of, visible_files
from anomaly_ae.storage import expand, is_remote, locate
from anomaly_ae.storage.locations import Location

CONTAINERS = {
    ".zip": "zip",
    ".tar": "tar",
    ".tar.gz": "tar",
    ".tgz": "tar",
    ".tar.bz2": "tar",
    ".tar.xz": "tar",
    ".npz": "npz",
    ".parquet": "parquet-pictures",
    ".pq": "parquet-pictures",
}
"""A new container is a new reader (`readers.py`) and its suffixes here."""


def find_pictures(source: str) -> list[PictureFile]:
    """List the files of a source: the folder of its loose pictures as one, then archives and arrays by name.

    Args:
        source: a file, a directory or a glob.

    Raises:
        SourceError: nothing is found, or nothing that may hold pictures.
    """
    path = locate(source)
    if path.is_dir():
        root, found = path, list(_walk(path) if isinstance(path, Path) else visible_files(path))
    elif path.is_file():
        root, found = path.parent, [path]
    else:
        root = root_of(source)
        found = [match for match in expand(source) if is_remote(match) or match.is_file() or match.is_symlink()]
    files = sorted(_sorted_out(root, found), key=lambda file: (file.format != "folder", file.name))
    if not files:
        suffixes = ", ".join([*sorted(SUFFIXES), *CONTAINERS, "-ubyte"])
        where = f"{source}: no pictures found" if found else nothing_found(source, path, suffixes)
        msg = f"{where} (known suffixes: {suffixes})" if found else where
        raise SourceError(msg)
    return files


def is_picture(path: Location) -> bool:
    """Say whether a file has the suffix of a picture."""
    return path.suffix.lower() in SUFFIXES


def container_of(path: Location) -> str | None:
    """Return the kind of container that a file's name suggests; None where it is none."""
    if is_idx(path):
        return "idx-labels" if is_labels(path) else "idx"
    name = path.name.lower()
    return next((kind for suffix, kind in CONTAINERS.items() if name.endswith(suffix)), None)


def _walk(root: Path) -> Iterator[Path]:
    """Yield the files below a folder that are not hidden, and linked folders, which are not followed."""
    for directory, folders, names in os.walk(root):
        here = Path(directory)
        folders[:] = sorted(name for name in folders if not is_hidden(Path(name)))
        yield from (here / name for name in folders if (here / name).is_symlink())
        yield from (here / name for name in sorted(names) if not is_hidden(Path(name)))


def _sorted_out(root: Location, found: Iterable[Location]) -> Iterator[PictureFile]:
    """Make one source file of all loose pictures, and one of each container; other files are left out."""
    loose: list[str] = []
    for path in found:
        name, kind = path.relative_to(root).as_posix(), container_of(path)
        if is_picture(path) or _leaves(path, root):
            loose.append(name)
        elif kind and (is_remote(path) or path.is_file()):
            yield PictureFile(path, name, kind)
            labels = labels_beside(path) if kind == "idx" else None
            if labels and labels not in found:
                yield PictureFile(labels, labels.relative_to(root).as_posix(), "idx-labels")
    if loose:
        yield PictureFile(root, ".", "folder", members=tuple(sorted(loose)))


def _leaves(path: Location, root: Location) -> bool:
    """Say whether a path is a linked folder outside the source, whose pictures are rejected with a reason."""
    return path.is_symlink() and path.is_dir() and not path.resolve().is_relative_to(root.resolve())

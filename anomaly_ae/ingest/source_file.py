"""One file of a source, and what the readers of source strings (a file, a directory, a glob) share."""

import difflib
import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from anomaly_ae.ingest.source import Identity
from anomaly_ae.storage import files_below, hash_file, is_remote, locate
from anomaly_ae.storage.locations import Location

States = list[tuple[int, int | str]]


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    Attributes:
        path: where it is.
        name: its path relative to the source, with forward slashes; what `_source_file` says.
        format: the reader it needs.
        compression: gzip, zstd or None.
        members: of a folder that is taken as one: the paths in it that the source names, with forward slashes, sorted.
    """

    path: Location
    name: str
    format: str
    compression: str | None = None
    members: tuple[str, ...] = ()

    @property
    def location(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    def size(self) -> int:
        """Bytes of the file; 0 for a folder."""
        return 0 if self.members else self.path.stat().st_size

    @property
    def paths(self) -> list[Location]:
        """Every file that it stands for."""
        return [self.path / member for member in self.members] or [self.path]

    def states(self) -> States:
        """Return size and time of change of each of them."""
        return [_state(path) for path in self.paths]

    def stamp(self) -> Any:
        """Return name, size and time of change: while they are equal, the content is taken to be."""
        return [self.name, self.members, self.states()]

    def identity(self) -> Identity:
        """Return name, size and SHA-256."""
        return {"name": self.name, "bytes": self.path.stat().st_size, "sha256": hash_file(self.path)}


def visible_files(directory: Location) -> Iterator[Location]:
    """Yield the files below a directory that are not hidden, sorted."""
    for path in files_below(directory):
        if not is_hidden(path.relative_to(directory)):
            yield path


def is_hidden(path: Location | PurePath) -> bool:
    """Say whether a part of a path starts with a dot or an underscore: notes of programs, not data."""
    return any(part.startswith((".", "_")) and part not in {".", ".."} for part in path.parts)


def root_of(source: str) -> Location:
    """Return the part of a glob before its first wildcard: what the names of its files are relative to."""
    path = locate(source)
    return next(above for above in (path, *path.parents) if not glob.has_magic(str(above)))


def nothing_found(source: str, path: Location, suffixes: str) -> str:
    """Say that a source does not exist, and which names beside it come nearest."""
    if path.is_dir():
        return f"{source}: the directory holds no file with a known suffix ({suffixes}); set data.format"
    if glob.has_magic(source):
        return f"{source}: no file matches"
    beside = sorted(entry.name for entry in path.parent.glob("*")) if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=3, cutoff=0.5)
    where = f"nearest in {path.parent}: {', '.join(near)}" if near else f"{path.parent} holds no similar name"
    return f"{source} does not exist; {where}"


def _state(path: Location) -> tuple[int, int | str]:
    if is_remote(path):  # the time is to the second; the store's own mark of the content is not
        return path.stat().st_size, str(path.fs.ukey(path.path))
    state = path.stat() if path.exists() else path.lstat()  # a link may lead nowhere
    return state.st_size, state.st_mtime_ns

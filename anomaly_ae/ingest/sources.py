"""A source string (a file, a directory, a glob) resolved into the files it names, in a fixed order."""

import difflib
import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from anomaly_ae.errors import SourceError
from anomaly_ae.storage import expand, files_below, is_remote, locate

SUFFIXES = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "arrow",
}
_DOUBTFUL = frozenset({".json", ".txt"})
"""Often notes or settings that lie beside tables: a directory gives them only when their format is asked for."""

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
States = list[tuple[int, int | str]]


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    Attributes:
        path: where it is.
        name: its path relative to the source, with forward slashes; what `_source_file` says.
        format: csv, tsv, jsonl, parquet or arrow; of pictures: folder, zip, tar, npz, idx, idx-labels or
            parquet-pictures.
        compression: gzip, zstd or None.
        members: of a folder of pictures: the paths in it that the source names, with forward slashes, sorted.
    """

    path: Path
    name: str
    format: str
    compression: str | None = None
    members: tuple[str, ...] = ()

    @property
    def paths(self) -> list[Path]:
        """Every file that it stands for."""
        return [self.path / member for member in self.members] or [self.path]

    def states(self) -> States:
        """Return size and time of change of each of them: when neither differs, the content is taken for the same."""
        return [_state(path) for path in self.paths]


def find_sources(source: str, file_format: str = "auto") -> list[SourceFile]:
    """List the files of a source, sorted by name.

    A file and a glob take what they name. A directory is searched downwards for files whose suffix tells a format (with
    a format given: that format); names that start with a dot or an underscore are hidden.

    Args:
        source: a file, a directory or a glob, on this machine or as `s3://...`.
        file_format: the format of every file, or "auto" to go by each file's suffix.

    Raises:
        SourceError: nothing is there, or a file's format cannot be told from its suffix.
    """
    path = locate(source)
    if path.is_dir():
        files = (file for file in visible_files(path) if is_table(file, file_format))
        found = [(file, file.relative_to(path).as_posix()) for file in files]
    elif path.is_file():
        found = [(path, path.name)]
    else:
        root = root_of(source)
        files = (file for file in expand(source) if is_remote(file) or file.is_file())
        found = [(file, file.relative_to(root).as_posix()) for file in files]
    if not found:
        raise SourceError(nothing_found(source, path, ", ".join(SUFFIXES)))
    return [_source_file(file, name, file_format) for file, name in sorted(found, key=lambda pair: pair[1])]


def visible_files(directory: Path) -> Iterator[Path]:
    """Yield the files below a directory that are not hidden, sorted."""
    for path in files_below(directory):
        if not is_hidden(path.relative_to(directory)):
            yield path


def is_hidden(path: PurePath) -> bool:
    """Say whether a part of a path starts with a dot or an underscore: notes of programs, not data."""
    return any(part.startswith((".", "_")) and part not in {".", ".."} for part in path.parts)


def is_table(path: Path, file_format: str = "auto") -> bool:
    """Say whether a file is one that a directory of tables gives."""
    suffix = _suffixes(path)[0]
    if file_format == "auto":
        return suffix in SUFFIXES.keys() - _DOUBTFUL
    return SUFFIXES.get(suffix) == file_format


def root_of(source: str) -> Path:
    """Return the part of a glob before its first wildcard: what the names of its files are relative to."""
    path = locate(source)
    return next(above for above in (path, *path.parents) if not glob.has_magic(str(above)))


def _state(path: Path) -> tuple[int, int | str]:
    place: Any = path
    if is_remote(path):  # the time is to the second; the store's own mark of the content is not
        return path.stat().st_size, str(place.fs.ukey(place.path))
    state = path.stat() if path.exists() else path.lstat()  # a link may lead nowhere
    return state.st_size, state.st_mtime_ns


def _suffixes(path: Path) -> tuple[str, str | None]:
    """Return the suffix that tells the format, and the compression, if any."""
    suffix = path.suffix.lower()
    if suffix in COMPRESSIONS:
        return path.with_suffix("").suffix.lower(), COMPRESSIONS[suffix]
    return suffix, None


def _source_file(path: Path, name: str, file_format: str) -> SourceFile:
    suffix, compression = _suffixes(path)
    known = SUFFIXES.get(suffix) if file_format == "auto" else file_format
    if known is None:
        msg = f"{path}: the suffix {suffix!r} says no format; set data.format (known: {', '.join(SUFFIXES)})"
        raise SourceError(msg)
    if known == "parquet" and compression:
        msg = f"{path}: Parquet is compressed inside and cannot be read through {compression}; decompress it first"
        raise SourceError(msg)
    return SourceFile(path, name, known, compression)


def nothing_found(source: str, path: Path, suffixes: str) -> str:
    """Say that a source is not there, and which names beside it come nearest."""
    if path.is_dir():
        return f"{source}: the directory holds no file with a known suffix ({suffixes}); set data.format"
    if glob.has_magic(source):
        return f"{source}: no file matches"
    beside = sorted(entry.name for entry in path.parent.glob("*")) if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=3, cutoff=0.5)
    where = f"nearest in {path.parent}: {', '.join(near)}" if near else f"nothing in {path.parent} is called like it"
    return f"{source} does not exist; {where}"

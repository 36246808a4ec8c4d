"""The files of tables that a source names, in a fixed order."""

from collections.abc import Iterator
from dataclasses import dataclass

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.ingest.readers import read_records
from anomaly_ae.ingest.source_file import SourceFile, nothing_found, root_of, visible_files
from anomaly_ae.spec import DataSpec
from anomaly_ae.spec.formats import TABLE_FORMATS
from anomaly_ae.storage import expand, is_remote, locate
from anomaly_ae.storage.locations import Location

SUFFIXES = {suffix: name for name, known in TABLE_FORMATS.items() for suffix in known.suffixes}
"""Suffix -> format."""

_DOUBTFUL = frozenset({".json", ".txt"})
"""Often notes or settings beside the tables: in a directory they are read only where their format is asked for."""

_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}


@dataclass(frozen=True)
class TableFile(SourceFile):
    """A file of a table."""

    def read(self, data: DataSpec) -> Iterator[RawBatch]:
        """Yield its records in batches; errors as of `read_records`."""
        return read_records(self, data)


def find_tables(source: str, file_format: str = "auto") -> list[TableFile]:
    """List the files of a source, sorted by name.

    A file and a glob take what they name. A directory is searched downwards for files whose suffix tells a format (with
    a format given: that format); names that start with a dot or an underscore are hidden.

    Args:
        source: a file, a directory or a glob, on this machine or as `s3://...`.
        file_format: the format of every file, or "auto" to go by each file's suffix.

    Raises:
        SourceError: nothing is found, or a file's format cannot be told from its suffix.
    """
    path = locate(source)
    if path.is_dir():
        root, files = path, [file for file in visible_files(path) if is_table(file, file_format)]
    elif path.is_file():
        root, files = path.parent, [path]
    else:
        root, files = root_of(source), [file for file in expand(source) if is_remote(file) or file.is_file()]
    if not files:
        raise SourceError(nothing_found(source, path, ", ".join(SUFFIXES)))
    names = {file.relative_to(root).as_posix(): file for file in files}
    return [_table_file(names[name], name, file_format) for name in sorted(names)]


def is_table(path: Location, file_format: str = "auto") -> bool:
    """Say whether a file in a directory of tables is read as one."""
    suffix = _suffixes(path)[0]
    if file_format == "auto":
        return suffix in SUFFIXES.keys() - _DOUBTFUL
    return SUFFIXES.get(suffix) == file_format


def _suffixes(path: Location) -> tuple[str, str | None]:
    """Return the suffix that tells the format, and the compression, if any."""
    suffix = path.suffix.lower()
    if suffix in _COMPRESSIONS:
        return path.with_suffix("").suffix.lower(), _COMPRESSIONS[suffix]
    return suffix, None


def _table_file(path: Location, name: str, file_format: str) -> TableFile:
    suffix, compression = _suffixes(path)
    known = SUFFIXES.get(suffix) if file_format == "auto" else file_format
    if known is None:
        msg = f"{path}: the suffix {suffix!r} tells no format; set data.format (known: {', '.join(SUFFIXES)})"
        raise SourceError(msg)
    if known == "parquet" and compression:
        msg = f"{path}: Parquet is compressed inside and cannot be read through {compression}; decompress it first"
        raise SourceError(msg)
    return TableFile(path, name, known, compression)

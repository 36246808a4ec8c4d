"""Init: a look at the data in, a commented starter spec out."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from anomaly_ae.ingest.contract import Modality
from anomaly_ae.ingest.infer import read_sample
from anomaly_ae.ingest.sources import SourceFile
from anomaly_ae.modalities.pictures.starter_spec import starter_pictures
from anomaly_ae.modalities.pictures.summary import look_at_pictures
from anomaly_ae.modalities.source import Source
from anomaly_ae.modalities.tables.column_summary import look
from anomaly_ae.modalities.tables.starter_spec import starter_spec
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage import is_remote


def init(source: str, spec: Path) -> str:
    """Return a starter spec for a source, as YAML.

    Args:
        source: a file, a directory or a glob, from the current directory.
        spec: where the spec will be; it names the source from there.

    Raises:
        AnomalyAEError: the source cannot be found or read, or holds nothing to learn from.
    """
    found = Source.find(DataSpec(source=source))
    return _STARTERS[found.modality](found, _seen_from(source, spec))


def _start_table(found: Source, source: str) -> str:
    sample = pa.table(read_sample(found.files, found.data))
    looks = look(sample, found.infer_contract())
    return starter_spec(looks, source, _estimate_rows(sample, found.files, found.data))


def _start_pictures(found: Source, source: str) -> str:
    return starter_pictures(look_at_pictures(found.files, found.data), found.infer_contract().label, source)


_STARTERS: dict[Modality, Callable[[Source, str], str]] = {"table": _start_table, "pictures": _start_pictures}


def _seen_from(source: str, spec: Path) -> str:
    if "://" in source or Path(source).is_absolute():
        return source
    return str(Path(source).absolute()) if is_remote(spec) else os.path.relpath(source, spec.absolute().parent)


def _estimate_rows(sample: pa.Table, files: Sequence[SourceFile], data: DataSpec) -> int:
    """Return how many rows there are: counted where the sample is all of them, else guessed from the bytes."""
    rows, size = int(sample.num_rows), int(sample.nbytes)
    if rows < data.infer_rows:
        return rows
    total = sum(file.path.stat().st_size for file in files)
    return max(rows, total * rows // max(size, 1))

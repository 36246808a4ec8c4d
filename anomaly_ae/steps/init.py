"""Init: a look at the data in, a commented starter spec out."""

import os
from pathlib import Path

import pyarrow as pa

from anomaly_ae.column_look import look
from anomaly_ae.ingest.infer import infer_contract, read_sample
from anomaly_ae.ingest.sources import SourceFile, find_sources
from anomaly_ae.spec import DataSpec
from anomaly_ae.starter_spec import starter_spec


def init(source: str, spec: Path) -> str:
    """Return a starter spec for a source, as YAML.

    Args:
        source: a file, a directory or a glob, from the current directory.
        spec: where the spec will be; it names the source from there.

    Raises:
        AnomalyAEError: the source cannot be found or read, or holds nothing to learn from.
    """
    data = DataSpec(source=source)
    files = find_sources(source, data.format)
    sample = pa.table(read_sample(files, data))
    looks = look(sample, infer_contract(files, data))
    return starter_spec(looks, _seen_from(source, spec), _estimate_rows(sample, files, data))


def _seen_from(source: str, spec: Path) -> str:
    if "://" in source or Path(source).is_absolute():
        return source
    return os.path.relpath(source, spec.absolute().parent)


def _estimate_rows(sample: pa.Table, files: list[SourceFile], data: DataSpec) -> int:
    """Return how many rows there are: counted where the sample is all of them, else guessed from the bytes."""
    rows, size = int(sample.num_rows), int(sample.nbytes)
    if rows < data.infer_rows:
        return rows
    total = sum(file.path.stat().st_size for file in files)
    return max(rows, total * rows // max(size, 1))

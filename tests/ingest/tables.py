"""Small sources for the ingest tests."""

import gzip
from pathlib import Path
from typing import Any

from anomaly_ae.ingest.raw import Malformed
from anomaly_ae.ingest.readers import read_records
from anomaly_ae.ingest.table_files import find_tables
from anomaly_ae.spec import DataSpec


def write(path: Path, content: str | bytes) -> Path:
    """Write a file, gzipped if its name says so."""
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(raw, mtime=0) if path.suffix == ".gz" else raw)
    return path


def read(path: Path, **data: Any) -> tuple[dict[int, dict[str, Any]], list[Malformed]]:
    """Read a file whole: its records by number, and the malformed ones."""
    spec = DataSpec(source=str(path), **data)
    records: dict[int, dict[str, Any]] = {}
    malformed: list[Malformed] = []
    for batch in read_records(find_tables(str(path), spec.format)[0], spec):
        records.update(zip(batch.numbers.tolist(), batch.records.to_pylist(), strict=True))
        malformed.extend(batch.malformed)
    return records, malformed

"""Scored rows beside the dataset rows they came from: part by part, row by row, in bounded memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from anomaly_ae.errors import ArtifactError
from anomaly_ae.ingest.dataset import Dataset, rebatch
from anomaly_ae.storage import is_published, read_manifest

BATCH_ROWS = 65_536


def dataset_of(scored: Path) -> Dataset | None:
    """Return the dataset that a workspace's scored table was made from; None where it was removed.

    Raises:
        ArtifactError: the directory is no published scored table.
    """
    return find_dataset(scored.absolute().parent.parent, read_manifest(scored, "scored")["dataset"])


def find_dataset(workspace: Path, name: str) -> Dataset | None:
    """Return a workspace's dataset; None where there is none of that name."""
    directory = workspace / "datasets" / name
    return Dataset.open(directory) if is_published(directory) else None


def scored_batches(scored: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a scored table, in order."""
    for part in sorted(scored.glob("part-*.parquet")):
        yield from _batches(part, columns)


def rows_beside(
    scored: Path, columns: Sequence[str], dataset: Dataset, features: Sequence[str], batch_rows: int = BATCH_ROWS
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Yield the rows of a scored table, each batch with the same rows of its dataset.

    Args:
        scored: the scored table.
        columns: which of its columns.
        dataset: what it was made from.
        features: which of the dataset's columns.
        batch_rows: rows of a batch.

    Raises:
        ArtifactError: a part of one has no equal in the other.
    """
    for source in dataset.parts:
        part = scored / source.name
        held = [pq.read_metadata(path).num_rows if path.is_file() else 0 for path in (part, source)]
        if held[0] != held[1]:
            msg = f"{part} has {held[0]} rows, but {source} has {held[1]}; score the dataset again"
            raise ArtifactError(msg)
        yield from zip(_batches(part, columns, batch_rows), dataset.batches(features, source, batch_rows), strict=True)


def _batches(part: Path, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(part, pre_buffer=False) as parquet:
        yield from rebatch(parquet.iter_batches(batch_rows, columns=list(columns)), batch_rows)

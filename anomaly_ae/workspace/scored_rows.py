"""Scored rows beside the dataset rows they came from: all of them part by part, or a few picked out of the parts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from anomaly_ae.errors import ArtifactError
from anomaly_ae.ingest.rows import rebatch
from anomaly_ae.storage import is_published, read_manifest
from anomaly_ae.storage.parquet import count_rows, open_parquet
from anomaly_ae.workspace.dataset import Dataset

BATCH_ROWS = 65_536
FEW_ROWS = 4096
"""Of a batch that carries whole rows, of which a few are kept."""


class Place(NamedTuple):
    """Where a row lies: which part, and which row of it, both from 0."""

    part: int
    row: int


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
        held = [count_rows(path) if path.is_file() else 0 for path in (part, source)]
        if held[0] != held[1]:
            msg = f"{part} has {held[0]} rows, but {source} has {held[1]}; score the dataset again"
            raise ArtifactError(msg)
        yield from zip(_batches(part, columns, batch_rows), dataset.batches(features, source, batch_rows), strict=True)


def parts_beside(scored: Path, parts: Sequence[Path]) -> tuple[Path, ...] | None:
    """Return the dataset part that each part of a scored table was made from; None where they are no longer there."""
    dataset = dataset_of(scored)
    sources = {} if dataset is None else {path.name: path for path in dataset.parts if path.is_file()}
    found = tuple(sources[part.name] for part in parts if part.name in sources)
    return found if len(found) == len(parts) else None


def read_places(
    parts: Sequence[Path], places: Sequence[Place], columns: Sequence[str], batch_rows: int = FEW_ROWS
) -> list[dict[str, Any]]:
    """Read the rows at `places`, in that order; row groups that hold none of them are not read."""
    found: dict[Place, dict[str, Any]] = {}
    for number in sorted({place.part for place in places}):
        wanted = {place.row for place in places if place.part == number}
        rows = _picked(parts[number], wanted, columns, batch_rows)
        found.update({Place(number, row): record for row, record in rows})
    return [found[place] for place in places]


def _picked(
    part: Path, wanted: set[int], columns: Sequence[str], batch_rows: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    first_row = 0
    with open_parquet(part) as file:
        for group in range(file.num_row_groups):
            end = first_row + file.metadata.row_group(group).num_rows
            if any(first_row <= row < end for row in wanted):
                row = first_row
                for batch in file.iter_batches(batch_size=batch_rows, row_groups=[group], columns=list(columns)):
                    inside = sorted(number for number in wanted if row <= number < row + batch.num_rows)
                    yield from zip(inside, _take(batch, [number - row for number in inside]), strict=True)
                    row += batch.num_rows
            first_row = end


def _take(batch: pa.RecordBatch, rows: Sequence[int]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = batch.take(pa.array(rows, pa.int64())).to_pylist()
    return records


def _batches(part: Path, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    with open_parquet(part) as parquet:
        yield from rebatch(parquet.iter_batches(batch_rows, columns=list(columns)), batch_rows)

"""A few rows picked out of Parquet parts by where they lie, without reading the row groups that hold none of them."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import open_parquet

BATCH_ROWS = 4096
"""Of a batch that carries whole rows, of which a few are kept."""


class RowPlace(NamedTuple):
    """Where a row lies: which part, and which row of it, both from 0."""

    part: int
    row: int


def read_places(
    parts: Sequence[Location], places: Sequence[RowPlace], columns: Sequence[str], batch_rows: int = BATCH_ROWS
) -> list[dict[str, Any]]:
    """Read the rows at `places`, in that order; row groups that hold none of them are not read."""
    found: dict[RowPlace, dict[str, Any]] = {}
    for number in sorted({place.part for place in places}):
        wanted = {place.row for place in places if place.part == number}
        rows = _picked(parts[number], wanted, columns, batch_rows)
        found.update({RowPlace(number, row): record for row, record in rows})
    return [found[place] for place in places]


def _picked(
    part: Location, wanted: set[int], columns: Sequence[str], batch_rows: int
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

"""Segments: the rows that share a value of one column."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.errors import CalibrationError


def segment_values(rows: pa.Table | pa.RecordBatch, by: str) -> pa.Array:
    """Return each row's value of the column that makes the segments, as text.

    Raises:
        CalibrationError: there is no such column.
    """
    if by not in rows.schema.names:
        msg = (
            f"threshold.by names {by!r}, which is no entity, categorical or boolean column of these rows; they have "
            f"{', '.join(rows.schema.names)}"
        )
        raise CalibrationError(msg)
    values = pc.cast(rows.column(by), pa.string())
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def rows_by_segment(rows: pa.Table, by: str) -> Iterator[tuple[str, pa.Table]]:
    """Yield each segment's value and rows, ordered by value; rows without a value belong to no segment."""
    values = segment_values(rows, by)
    order = pc.sort_indices(values)
    ordered, sorted_values = rows.take(order), values.take(order)
    start = 0
    for run in pc.value_counts(sorted_values).to_pylist():
        if run["values"] is not None:
            yield run["values"], ordered.slice(start, run["counts"])
        start += run["counts"]

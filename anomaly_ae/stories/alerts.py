"""Alerts: the rows of a scored table above its threshold, read in bounded memory, and their stories."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.storage.parquet import open_dataset, schema_of
from anomaly_ae.stories.grouping import Story, tell

_MAX_ALERTS = 100_000
BATCH_ROWS = 16_384
_COLUMNS = ("row_id", "source_file", "anomaly_score", "is_anomaly", "reasons")


def read_alerts(scored: Path, most: int = _MAX_ALERTS) -> pa.Table:
    """Read the rows above the threshold; if there are more than `most`, every k-th of them.

    Args:
        scored: directory that scoring published.
        most: maximum number of rows held in memory.

    Returns:
        Columns `row_id`, `source_file`, `anomaly_score`, `is_anomaly`, `reasons`, and `time` if the user named a
        datetime column as id, entity or time.
    """
    rows = open_dataset(sorted(scored.glob("part-*.parquet")))
    above = pc.field("is_anomaly")
    step = max(1, -(-rows.count_rows(filter=above) // most))
    columns = {name: pc.field(name) for name in _COLUMNS}
    if time := _time_column(rows.schema):
        columns["time"] = pc.field(time)
    batches = rows.to_batches(columns=columns, filter=above, batch_size=BATCH_ROWS)
    schema = rows.scanner(columns=columns).projected_schema
    return pa.Table.from_batches(_every(step, batches), schema)


def stories_of(scored: Path) -> tuple[Story, ...]:
    """Group a scored table's alerts into stories; beyond `__MAX_ALERTS`, an even sample of them.

    Pictures have none: their reasons are positions, and the same position shows different things in different pictures.
    """
    if is_of_pictures(scored):
        return ()
    alerts = read_alerts(scored)
    times = alerts.column("time") if "time" in alerts.column_names else None
    scores = alerts.column("anomaly_score").to_numpy()
    return tell(alerts.column("reasons"), scores, alerts.column("row_id").to_pylist(), times)


def is_of_pictures(scored: Path) -> bool:
    """Return whether the rows of a scored table are pictures, which have maps."""
    parts = sorted(scored.glob("part-*.parquet"))
    return bool(parts) and "anomaly_map" in schema_of(parts[0]).names


def _every(step: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Keep every `step`-th row, counting across batches."""
    start = 0
    for batch in batches:
        yield batch.take(pa.array(range(start, len(batch), step), pa.int64())) if step > 1 else batch
        start = (start - len(batch)) % step


def _time_column(schema: pa.Schema) -> str | None:
    """Return the first datetime column among the user's columns, which lie between ours."""
    names = schema.names
    of_user = names[names.index("source_row") + 1 : names.index("anomaly_score")]
    return next((name for name in of_user if pa.types.is_timestamp(schema.field(name).type)), None)

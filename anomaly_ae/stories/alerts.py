"""Alerts: the rows of a scored table that are above its threshold, in bounded memory, and the stories they tell."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.storage.parquet import open_dataset, schema_of
from anomaly_ae.stories.grouping import Story, tell

MAX_ALERTS = 100_000
BATCH_ROWS = 16_384
COLUMNS = ("row_id", "source_file", "anomaly_score", "is_anomaly", "reasons")


def read_alerts(scored: Path, most: int = MAX_ALERTS) -> pa.Table:
    """Read the rows above the threshold; of more than `most`, every second, or every third, and so on.

    Args:
        scored: directory that scoring published.
        most: rows held in memory at most.

    Returns:
        Columns `row_id`, `source_file`, `anomaly_score`, `is_anomaly`, `reasons`, and `time` where a column of moments
        names or orders the rows.
    """
    rows = open_dataset(sorted(scored.glob("part-*.parquet")))
    above = pc.field("is_anomaly")
    step = max(1, -(-rows.count_rows(filter=above) // most))
    columns = {name: pc.field(name) for name in COLUMNS}
    if time := _time_column(rows.schema):
        columns["time"] = pc.field(time)
    batches = rows.to_batches(columns=columns, filter=above, batch_size=BATCH_ROWS)
    schema = rows.scanner(columns=columns).projected_schema
    return pa.Table.from_batches(_every(step, batches), schema)


def stories_of(scored: Path) -> tuple[Story, ...]:
    """Tell the stories of a scored table's alerts; beyond `MAX_ALERTS`, of an even sample of them.

    Pictures have none: their reasons are places, and the same place shows something else in another picture.
    """
    if is_of_pictures(scored):
        return ()
    alerts = read_alerts(scored)
    times = alerts.column("time") if "time" in alerts.column_names else None
    scores = alerts.column("anomaly_score").to_numpy()
    return tell(alerts.column("reasons"), scores, alerts.column("row_id").to_pylist(), times)


def is_of_pictures(scored: Path) -> bool:
    """Say whether the rows of a scored table are pictures: those have maps."""
    parts = sorted(scored.glob("part-*.parquet"))
    return bool(parts) and "anomaly_map" in schema_of(parts[0]).names


def _every(step: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Keep every `step`-th row, counted across batches."""
    start = 0
    for batch in batches:
        yield batch.take(pa.array(range(start, len(batch), step), pa.int64())) if step > 1 else batch
        start = (start - len(batch)) % step


def _time_column(schema: pa.Schema) -> str | None:
    """Name the column of moments among the user's own, which stand between ours."""
    names = schema.names
    own = names[names.index("source_row") + 1 : names.index("anomaly_score")]
    return next((name for name in own if pa.types.is_timestamp(schema.field(name).type)), None)

"""The alerts of a scored table: a bounded sample, their stories, and the story of each row."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from anomaly_ae.scoring.schema import own_columns
from anomaly_ae.stories.grouping import NO_REASONS_IN_COMMON, Story, assign, tell

_MAX_ALERTS = 100_000
_COLUMNS = ("row_id", "anomaly_score", "reasons")


def tell_stories(batches: Iterable[pa.RecordBatch], alerts: int) -> tuple[Story, ...]:
    """Group the alerts into stories with unique names.

    Args:
        batches: rows of a scored table, in order.
        alerts: number of rows above the threshold; of more than `_MAX_ALERTS`, every k-th is used, and `recount` then
            gives the stories the counts of all.
    """
    rows = sample_alerts(batches, alerts, _MAX_ALERTS)
    if rows is None:
        return ()
    times = rows.column("time") if "time" in rows.column_names else None
    scores = rows.column("anomaly_score").to_numpy()
    return _with_unique_names(tell(rows.column("reasons"), scores, rows.column("row_id").to_pylist(), times))


def story_names(stories: Sequence[Story], rows: pa.RecordBatch) -> pa.Array:
    """Return the name of each row's story; null if the row is not an alert."""
    is_alert = rows.column("is_anomaly").to_numpy(zero_copy_only=False)
    names = np.full(len(rows), None, object)
    if stories and is_alert.any():
        known = np.array([*(story.name for story in stories), NO_REASONS_IN_COMMON], object)
        names[is_alert] = known[assign(stories, rows.column("reasons").filter(pa.array(is_alert)))]
    return pa.array(names, pa.string())


def recount(stories: Sequence[Story], batches: Iterable[pa.RecordBatch]) -> tuple[Story, ...]:
    """Return the stories with the counts of all alerts, as they may have been told from a sample; largest first.

    Args:
        stories: with unique names.
        batches: rows of the scored table, with the columns `story` and `anomaly_score`.
    """
    told = {story.name: story for story in stories}
    counts: Counter[str] = Counter()
    scores_of_rest: list[float] = []
    for batch in batches:
        alerts = batch.filter(batch.column("story").is_valid())
        names = alerts.column("story").to_pylist()
        counts.update(names)
        if NO_REASONS_IN_COMMON not in told:  # fewer than one in a sample of many
            fits_none = pa.array([name == NO_REASONS_IN_COMMON for name in names], pa.bool_())
            scores_of_rest += alerts.column("anomaly_score").filter(fits_none).to_pylist()
    if scores_of_rest:
        told[NO_REASONS_IN_COMMON] = Story(NO_REASONS_IN_COMMON, (), 0, 0.0, float(np.median(scores_of_rest)))
    total = counts.total()
    counted = [replace(story, rows=counts[name], share=counts[name] / total) for name, story in told.items()]
    return tuple(sorted(counted, key=lambda story: (not story.traits, -story.rows)))


def sample_alerts(batches: Iterable[pa.RecordBatch], alerts: int, most: int) -> pa.Table | None:
    """Return the rows above the threshold, or every k-th of them if there are more than `most`; None if there are none.

    Returns:
        Columns `row_id`, `anomaly_score`, `reasons`, and `time` if the user named a datetime column as id, entity or
        time.
    """
    kept = list(_every(max(1, -(-alerts // most)), (_alerts(batch) for batch in batches)))
    return pa.Table.from_batches(kept) if sum(map(len, kept)) else None


def _with_unique_names(stories: Sequence[Story]) -> tuple[Story, ...]:
    """Number stories that share a name, so that the name identifies the story of a row."""
    seen: Counter[str] = Counter()
    named = []
    for story in stories:
        seen[story.name] += 1
        number = seen[story.name]
        named.append(story if number == 1 else replace(story, name=f"{story.name} ({number})"))
    return tuple(named)


def _alerts(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = {name: batch.column(name) for name in _COLUMNS}
    if time := _time_column(batch.schema):
        columns["time"] = batch.column(time)
    return pa.RecordBatch.from_pydict(columns).filter(batch.column("is_anomaly"))


def _every(step: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Keep every `step`-th row, counting across batches."""
    start = 0
    for batch in batches:
        yield batch.take(pa.array(range(start, len(batch), step), pa.int64())) if step > 1 else batch
        start = (start - len(batch)) % step


def _time_column(schema: pa.Schema) -> str | None:
    """Return the first datetime column among the user's columns, or None."""
    return next((name for name in own_columns(schema.names) if pa.types.is_timestamp(schema.field(name).type)), None)

"""Scores over time: the table's rows in bins of equal length.

Memory is bounded by the bins, not the rows: each bin counts its scores in 512 quantile classes of all scores, so its
median is exact to a fifth of a percent of the rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.report.tally import BATCH_ROWS, Array, Counts
from anomaly_ae.scoring.schema import own_columns
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import open_parquet, schema_of

BINS = 180
_RANKS = 512


@dataclass(frozen=True)
class Bin:
    """One time bin: its start, in milliseconds since 1970, and a summary of its scores."""

    start: int
    rows: int
    alerts: int
    median: float
    highest: float


@dataclass(frozen=True)
class Timeline:
    """The time bins that hold rows, in order.

    Attributes:
        column: the time column.
        bins: at most 180, of equal length; empty ones are left out.
        length: length of a bin, in milliseconds.
        untimed: number of rows without a time.
    """

    column: str
    bins: tuple[Bin, ...]
    length: float
    untimed: int


def time_column(part: Location) -> str | None:
    """Return the first datetime column among the user's columns, or None."""
    schema = schema_of(part)
    return next((name for name in own_columns(schema.names) if pa.types.is_timestamp(schema.field(name).type)), None)


def read_timeline(parts: Sequence[Location], column: str, counts: Counts) -> Timeline | None:
    """Bin all rows by time; return None if no row has one.

    Args:
        parts: the Parquet files of a scored table.
        column: the time column.
        counts: counts of the scores of all rows.
    """
    ends = [end for times, _, _ in _batches(parts, column) if len(times) for end in (times.min(), times.max())]
    if not ends:
        return None
    first, length = int(min(ends)), max(1.0, (max(ends) - min(ends)) / BINS)
    bins = _fill(_batches(parts, column), first, length, _ranks(counts))
    return Timeline(column, bins, length, counts.total - sum(time_bin.rows for time_bin in bins))


def _fill(batches: Iterator[tuple[Array, Array, Array]], first: int, length: float, edges: Array) -> tuple[Bin, ...]:
    ranks = np.zeros((BINS, len(edges)), np.int64)
    alerts, highest = np.zeros(BINS), np.full(BINS, -np.inf)
    for times, scores, is_anomaly in batches:
        index = np.minimum(((times - first) / length).astype(np.int64), BINS - 1)
        np.add.at(ranks, (index, np.minimum(np.searchsorted(edges, scores), len(edges) - 1)), 1)
        alerts += np.bincount(index, is_anomaly, BINS)
        np.maximum.at(highest, index, scores)
    rows = ranks.sum(axis=1)
    median = edges[np.argmax(np.cumsum(ranks, axis=1) * 2 >= rows[:, None], axis=1)]
    return tuple(
        Bin(
            int(first + index * length),
            int(rows[index]),
            int(alerts[index]),
            float(median[index]),
            float(highest[index]),
        )
        for index in np.flatnonzero(rows)
    )


def _ranks(counts: Counts) -> Array:
    """Return at most `_RANKS` quantiles of the scores, evenly spaced over the rows."""
    cumulative = np.cumsum(counts.rows)
    wanted = np.linspace(0, cumulative[-1], _RANKS)
    edges: Array = np.unique(counts.scores[np.searchsorted(cumulative, wanted).clip(0, len(cumulative) - 1)])
    return edges


def _batches(parts: Sequence[Location], column: str) -> Iterator[tuple[Array, Array, Array]]:
    """Yield (milliseconds since 1970, score, is_anomaly) of the rows that have a time."""
    for part in parts:
        with open_parquet(part) as file:
            names = [column, "anomaly_score", "is_anomaly"]
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names):
                timed = batch.filter(pc.is_valid(batch[column]))
                yield (
                    milliseconds(timed[column]),
                    timed["anomaly_score"].to_numpy(),
                    timed["is_anomaly"].to_numpy(zero_copy_only=False).astype(float),
                )


def milliseconds(datetimes: pa.Array) -> Array:
    """Return datetimes, none of them missing, as milliseconds since 1970."""
    rounded = pc.cast(datetimes, pa.timestamp("ms", datetimes.type.tz), safe=False)
    numbers: Array = pc.cast(rounded, pa.int64()).to_numpy()
    return numbers

"""A row's neighbours in time: the scores of the same entity before and after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.report.tally import BATCH_ROWS, Array
from anomaly_ae.report.timeline import milliseconds
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import open_parquet
from anomaly_ae.workspace.places import RowPlace, read_places

EACH_SIDE = 15

Points = tuple[tuple[int, float], ...]


class Spot(NamedTuple):
    """A row's time, in milliseconds since 1970, and its entity; None where unknown."""

    time: int | None
    entity: Any


@dataclass(frozen=True)
class Neighbours:
    """The rows around one row, by time.

    Attributes:
        time: the row's own time, in milliseconds since 1970; None if it has none.
        points: (milliseconds since 1970, score) of the rows around it and of itself, in order of time.
    """

    time: int | None
    points: Points = ()


def read_neighbours(
    parts: Sequence[Location], places: Sequence[RowPlace], time: str, entity: str | None
) -> tuple[Neighbours, ...]:
    """Find the neighbours of the rows at `places` in one pass over the parts; about thirty rows are kept for each.

    Args:
        parts: the Parquet files of a scored table.
        places: positions of the rows.
        time: the time column.
        entity: the entity column; None if all rows count as neighbours.
    """
    columns = [time, "anomaly_score", *([entity] if entity else [])]
    rows = read_places(parts, places, columns)
    spots = [Spot(_milliseconds(row[time]), row[entity] if entity else None) for row in rows]
    kept = dict.fromkeys(spots, np.empty((0, 2)))
    for part in parts:
        with open_parquet(part) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=columns):
                _merge(batch.filter(pc.is_valid(batch[time])), time, entity, kept)
    return tuple(Neighbours(spot.time, _points(kept[spot])) for spot in spots)


def _milliseconds(time: Any) -> int | None:
    return None if time is None else int(milliseconds(pa.array([time]))[0])


def _merge(batch: pa.RecordBatch, time: str, entity: str | None, kept: dict[Spot, Array]) -> None:
    """Merge a batch, whose rows all have a time, into the points kept for each spot."""
    for value in {spot.entity for spot in kept}:
        same = batch.filter(pc.equal(batch[entity], value)) if entity and value is not None else batch
        points = np.column_stack([milliseconds(same[time]), same["anomaly_score"].to_numpy()])
        points = points[np.argsort(points[:, 0], kind="stable")]
        for spot, known in kept.items():
            if spot.entity == value and spot.time is not None:
                near = _nearest(points, spot.time)
                kept[spot] = _nearest(np.vstack([known, near]), spot.time)


def _nearest(points: Array, time: int) -> Array:
    """Keep the `EACH_SIDE` points before a time and as many from it on, in order of time."""
    ordered = points[np.argsort(points[:, 0], kind="stable")]
    middle = int(np.searchsorted(ordered[:, 0], time))
    return ordered[max(0, middle - EACH_SIDE) : middle + EACH_SIDE + 1]


def _points(near: Array) -> Points:
    return tuple((int(time), float(f"{score:.6g}")) for time, score in near)

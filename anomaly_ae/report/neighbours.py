"""A row's neighbours in time: the scores of the rows of the same entity before and after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.report.tally import BATCH_ROWS, Array
from anomaly_ae.report.timeline import milliseconds
from anomaly_ae.storage.parquet import open_parquet
from anomaly_ae.workspace.places import RowPlace, read_places

EACH_SIDE = 15

Points = tuple[tuple[int, float], ...]


class Spot(NamedTuple):
    """When a row happened, in milliseconds since 1970, and whom it is about; None where that is not known."""

    moment: int | None
    entity: Any


@dataclass(frozen=True)
class Neighbours:
    """Rows around one row, by time.

    Attributes:
        time: of the row itself, in milliseconds since 1970; None where it has none.
        points: (milliseconds since 1970, score) of the rows around it, itself among them, in order.
    """

    time: int | None
    points: Points = ()


def read_neighbours(
    parts: Sequence[Path], places: Sequence[RowPlace], time: str, entity: str | None
) -> tuple[Neighbours, ...]:
    """Find the neighbours of the rows at `places`, in one pass over the parts that holds some thirty rows for each.

    Args:
        parts: the Parquet files of a scored table.
        places: where the rows lie.
        time: the column of moments.
        entity: the column that says whom a row is about; None: all rows are neighbours.
    """
    columns = [time, "anomaly_score", *([entity] if entity else [])]
    rows = read_places(parts, places, columns)
    spots = [Spot(_moment(row[time]), row[entity] if entity else None) for row in rows]
    kept = dict.fromkeys(spots, np.empty((0, 2)))
    for part in parts:
        with open_parquet(part) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=columns):
                _look(batch.filter(pc.is_valid(batch[time])), time, entity, kept)
    return tuple(Neighbours(spot.moment, _points(kept[spot])) for spot in spots)


def _moment(time: Any) -> int | None:
    return None if time is None else int(milliseconds(pa.array([time]))[0])


def _look(batch: pa.RecordBatch, time: str, entity: str | None, kept: dict[Spot, Array]) -> None:
    """Merge a batch, of which every row has a time, into what is kept for each spot."""
    for whom in {spot.entity for spot in kept}:
        same = batch.filter(pc.equal(batch[entity], whom)) if entity and whom is not None else batch
        points = np.column_stack([milliseconds(same[time]), same["anomaly_score"].to_numpy()])
        points = points[np.argsort(points[:, 0], kind="stable")]
        for spot, known in kept.items():
            if spot.entity == whom and spot.moment is not None:
                near = _nearest(points, spot.moment)
                kept[spot] = _nearest(np.vstack([known, near]), spot.moment)


def _nearest(points: Array, moment: int) -> Array:
    """Keep so many points before a moment and at or after it; points come and go in order of time."""
    ordered = points[np.argsort(points[:, 0], kind="stable")]
    middle = int(np.searchsorted(ordered[:, 0], moment))
    return ordered[max(0, middle - EACH_SIDE) : middle + EACH_SIDE + 1]


def _points(near: Array) -> Points:
    return tuple((int(moment), float(f"{score:.6g}")) for moment, score in near)

"""The rows an analyst looks at first, with the reasons the model gives for each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from anomaly_ae.report.tally import Place

BATCH_ROWS = 4096
"""Small: these batches carry whole rows, of which a few are kept."""

LEAST_SHARE = 0.01
"""Of a row's score: a reason below it says little."""

_AHEAD = "source_row"
_BEHIND = "anomaly_score"
_NEEDED = (
    "row_id",
    "source_file",
    "source_row",
    "anomaly_score",
    "p_value",
    "is_anomaly",
    "threshold",
    "reasons",
    "label",
)
_IF_THERE = ("level", "segment")
"""Columns that tables of earlier releases lack."""


@dataclass(frozen=True)
class Reason:
    """One feature's part in a row's score.

    Attributes:
        share: its contribution over the whole score; None where the score is 0.
    """

    feature: str
    value: str | None
    expected: str | None
    share: float | None


@dataclass(frozen=True)
class TopRow:
    """One row of the table of anomalies; `identity` goes with the columns of `TopRows`.

    Attributes:
        place: where it lies in the scored table, and in the dataset it was scored from.
        level: "warn" or "alert"; None where the threshold knows no levels.
        segment: the segment whose threshold was used; None for that of all rows.
    """

    place: Place
    row_id: str
    source_file: str
    source_row: int
    identity: tuple[str | None, ...]
    score: float
    p_value: float
    is_anomaly: bool
    threshold: float
    label: bool | None
    level: str | None
    segment: str | None
    reasons: tuple[Reason, ...]

    @property
    def main_reasons(self) -> tuple[Reason, ...]:
        """The reasons that matter; the lesser ones are in the row's detail."""
        return tuple(one for one in self.reasons if one.share is None or one.share >= LEAST_SHARE) or self.reasons[:1]


@dataclass(frozen=True)
class TopRows:
    """The most anomalous rows, and the id, time and entity columns that name them."""

    identity_columns: tuple[str, ...]
    rows: tuple[TopRow, ...]

    def worth_showing(self, otherwise: int) -> Self:
        """Return the rows that a threshold flagged; if there are none, the first so many."""
        flagged = tuple(row for row in self.rows if row.is_anomaly or row.level == "warn")
        return replace(self, rows=flagged or self.rows[:otherwise])

    @property
    def has_several_files(self) -> bool:
        """Whether the rows come from more than one file of the source."""
        return len({row.source_file for row in self.rows}) > 1


def read_top_rows(parts: Sequence[Path], places: Sequence[Place]) -> TopRows:
    """Read the rows at `places`, in that order."""
    if not places:
        return TopRows((), ())
    found: dict[Place, dict[str, Any]] = {}
    for number in sorted({place.part for place in places}):
        wanted = {place.row for place in places if place.part == number}
        found.update({Place(number, row): record for row, record in _records(parts[number], wanted)})
    columns = [name for name in own_columns(parts[0]) if any(row[name] != row["row_id"] for row in found.values())]
    return TopRows(tuple(columns), tuple(_top_row(place, found[place], columns) for place in places))


def own_columns(part: Path) -> list[str]:
    """Name the user's own columns, which say which row it is: they stand between ours."""
    names = pq.read_schema(part).names
    return list(names[names.index(_AHEAD) + 1 : names.index(_BEHIND)])


def _records(part: Path, wanted: set[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    there = set(pq.read_schema(part).names)
    return read_rows(part, wanted, [*_NEEDED, *own_columns(part), *(name for name in _IF_THERE if name in there)])


def read_rows(
    part: Path, wanted: set[int], columns: Sequence[str], batch_rows: int = BATCH_ROWS
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the wanted rows of a Parquet file with their row numbers; row groups that hold none are not read."""
    first_row = 0
    with pq.ParquetFile(part, pre_buffer=False) as file:
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


def _top_row(place: Place, record: dict[str, Any], identity_columns: Sequence[str]) -> TopRow:
    score = record["anomaly_score"]
    return TopRow(
        place=place,
        row_id=record["row_id"],
        source_file=record["source_file"],
        source_row=record["source_row"],
        identity=tuple(None if record[name] is None else str(record[name]) for name in identity_columns),
        score=score,
        p_value=record["p_value"],
        is_anomaly=record["is_anomaly"],
        threshold=record["threshold"],
        label=record["label"],
        level=record.get("level"),
        segment=None if record.get("segment") is None else str(record["segment"]),
        reasons=tuple(_reason(reason, score) for reason in record["reasons"] or ()),
    )


def _reason(reason: dict[str, Any], score: float) -> Reason:
    share = reason["contribution"] / score if score > 0 else None
    return Reason(reason["feature"], reason["value"], reason["expected"], share)

"""The rows an analyst looks at first, with the reasons the model gives for each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from anomaly_ae.storage.parquet import schema_of
from anomaly_ae.workspace.scored_rows import Place, read_places

MIN_SHARE = 0.01
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
        return tuple(one for one in self.reasons if one.share is None or one.share >= MIN_SHARE) or self.reasons[:1]


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
    first = parts[places[0].part]
    there = set(schema_of(first).names)
    own = own_columns(first)
    wanted = [*_NEEDED, *own, *(name for name in _IF_THERE if name in there)]
    found = read_places(parts, places, wanted)
    columns = [name for name in own if any(row[name] != row["row_id"] for row in found)]
    rows = tuple(_top_row(place, record, columns) for place, record in zip(places, found, strict=True))
    return TopRows(tuple(columns), rows)


def own_columns(part: Path) -> list[str]:
    """Name the user's own columns, which say which row it is: they stand between ours."""
    names = schema_of(part).names
    return list(names[names.index(_AHEAD) + 1 : names.index(_BEHIND)])


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

"""The rows an analyst looks at first, with the reasons the model gives for each; `top_rows.json` of a scored table."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anomaly_ae.scoring.schema import own_columns
from anomaly_ae.spec import Section
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import open_parquet, schema_of
from anomaly_ae.workspace.places import RowPlace, read_places

TOP_ROWS = 500
_MIN_SHARE = 0.01
"""Of a row's score: a reason below it says little."""
BATCH_ROWS = 131_072

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
    "level",
    "segment",
    "story",
)


class ShownReason(Section):
    """One feature's part in a row's score.

    Attributes:
        share: its contribution over the whole score; None where the score is 0.
    """

    feature: str
    value: str | None
    expected: str | None
    share: float | None


class TopRow(Section):
    """One of the most anomalous rows; `identity` goes with the columns of `TopRows`.

    Attributes:
        place: where it lies in the scored table, and in the dataset it was scored from.
        level: "warn", "alert" or "normal".
        segment: the segment whose threshold was used; None for that of all rows.
        story: the story that the alert belongs to; None for a row that is no alert.
    """

    place: RowPlace
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
    story: str | None
    reasons: tuple[ShownReason, ...]

    @property
    def main_reasons(self) -> tuple[ShownReason, ...]:
        """The reasons that matter; the lesser ones are in the row's detail."""
        main = tuple(reason for reason in self.reasons if reason.share is None or reason.share >= _MIN_SHARE)
        return main or self.reasons[:1]


class TopRows(Section):
    """The most anomalous rows, alerts first, and the id, time and entity columns that identify them."""

    identity_columns: tuple[str, ...] = ()
    rows: tuple[TopRow, ...] = ()

    @classmethod
    def find(cls, parts: Sequence[Location], most: int = TOP_ROWS) -> Self:
        """Find the rows of a scored table: those above the threshold first, then by score; in bounded memory.

        Args:
            parts: the Parquet files of the table, in order.
            most: rows to find at most.
        """
        places = find_places(parts, most)
        if not places:
            return cls()
        own = own_columns(schema_of(parts[0]).names)
        found = read_places(parts, places, [*_NEEDED, *own])
        columns = tuple(name for name in own if any(row[name] != row["row_id"] for row in found))
        rows = tuple(_top_row(place, record, columns) for place, record in zip(places, found, strict=True))
        return cls(identity_columns=columns, rows=rows)

    def first(self, most: int) -> Self:
        """Return at most so many rows."""
        return self.model_copy(update={"rows": self.rows[:most]})

    def worth_showing(self, otherwise: int) -> Self:
        """Return the rows that a threshold flagged; if there are none, the first `otherwise` rows."""
        flagged = tuple(row for row in self.rows if row.is_anomaly or row.level == "warn")
        return self.model_copy(update={"rows": flagged or self.rows[:otherwise]})

    @property
    def has_several_files(self) -> bool:
        """Whether the rows come from more than one file of the source."""
        return len({row.source_file for row in self.rows}) > 1


def find_places(parts: Sequence[Location], most: int) -> tuple[RowPlace, ...]:
    """Return the places of the top rows, most anomalous first; ties stay in the order of the table."""
    leaders = np.empty((0, 4))
    for number, part in enumerate(parts):
        first_row = 0
        with open_parquet(part) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=["anomaly_score", "is_anomaly"]):
                rows = np.arange(first_row, first_row + batch.num_rows)
                candidates = np.column_stack([*_scores(batch), np.full(len(rows), number), rows])
                leaders = _leaders(np.vstack([leaders, candidates]), most)
                first_row += batch.num_rows
    return tuple(RowPlace(int(part), int(row)) for part, row in leaders[:, 2:])


def _scores(batch: pa.RecordBatch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    alert = batch.column("is_anomaly").to_numpy(zero_copy_only=False).astype(float)
    return alert, batch.column("anomaly_score").to_numpy(zero_copy_only=False)


def _leaders(candidates: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Keep the first `most` candidates (is_anomaly, score, part, row)."""
    order = np.lexsort((-candidates[:, 1], -candidates[:, 0]))
    return candidates[order[:most]]


def _top_row(place: RowPlace, record: dict[str, Any], identity_columns: Sequence[str]) -> TopRow:
    score = record["anomaly_score"]
    return TopRow(
        place=place,
        identity=tuple(None if record[name] is None else str(record[name]) for name in identity_columns),
        score=score,
        segment=None if record["segment"] is None else str(record["segment"]),
        reasons=tuple(_reason(reason, score) for reason in record["reasons"] or ()),
        **{name: record[name] for name in ("row_id", "source_file", "source_row", "p_value", "is_anomaly")},
        **{name: record[name] for name in ("threshold", "label", "level", "story")},
    )


def _reason(reason: dict[str, Any], score: float) -> ShownReason:
    share = reason["contribution"] / score if score > 0 else None
    return ShownReason(feature=reason["feature"], value=reason["value"], expected=reason["expected"], share=share)

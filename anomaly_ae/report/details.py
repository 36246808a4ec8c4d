"""What a row's detail shows: its features as the source held them, where the dataset is still there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from anomaly_ae.ingest.contract import Contract
from anomaly_ae.report.tally import Place
from anomaly_ae.report.top_rows import TopRow, read_rows
from anomaly_ae.report.wording import clip

MOST_CELLS = 40_000
"""Cells of all details together: a table of a thousand columns must still make a page that opens."""

CLIP_VALUE = 80

Cell = float | int | bool | str | None


@dataclass(frozen=True)
class Values:
    """Features of the top rows.

    Attributes:
        columns: names of the columns that a cell's number points to.
        rows: for each row its cells, (number of the column, value).
        left_out: columns of each row that are not shown, because there are too many.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[int, Cell], ...], ...]
    left_out: int = 0


def dataset_of(scored: Path, dataset: str) -> Path:
    """Return where the dataset is that a table was scored from, beside it in the workspace, if it is still there."""
    return scored.parent.parent / "datasets" / dataset


def read_values(dataset: Path, contract: Contract, top: Sequence[TopRow]) -> Values | None:
    """Read the features of the top rows; None where the dataset is gone, or holds pictures instead.

    A scored part holds the rows of the dataset part of the same number, in the same order.
    """
    names = [column.name for column in contract.features]
    parts = sorted(dataset.glob("part-*.parquet"))
    if contract.modality != "table" or not top or not names or len(parts) <= max(row.place.part for row in top):
        return None
    most = max(1, MOST_CELLS // len(top))
    records = _records(parts, [row.place for row in top], names)
    numbers = {name: number for number, name in enumerate(names)}
    rows = tuple(
        tuple((numbers[name], cell(records[row.place][name])) for name in _shown(row, names)[:most]) for row in top
    )
    return Values(tuple(names), rows, max(0, len(names) - most))


def _records(parts: Sequence[Path], places: Sequence[Place], names: Sequence[str]) -> dict[Place, dict[str, Any]]:
    return {
        Place(part, row): record
        for part in {place.part for place in places}
        for row, record in read_rows(parts[part], {place.row for place in places if place.part == part}, names)
    }


def _shown(row: TopRow, names: Sequence[str]) -> list[str]:
    """Order the features: those that made the row's score first, then as in the source."""
    reasons = [reason.feature for reason in row.reasons if reason.feature in names]
    return [*reasons, *(name for name in names if name not in reasons)]


def cell(value: Any) -> Cell:
    """Return a value as JSON can hold it; long text is shortened, and a number that is none is text."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, float) and value - value != 0:
        return str(value)
    return clip(value, CLIP_VALUE) if isinstance(value, str) else value

"""What a row's detail shows: its features as the source held them, where the dataset is still there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from anomaly_ae.ingest.contract import Contract
from anomaly_ae.report.wording import clip
from anomaly_ae.workspace.places import read_places
from anomaly_ae.workspace.top_rows import TopRow

MAX_CELLS = 40_000
"""Cells of all details together: a table of a thousand columns must still make a page that opens."""

_CLIP_VALUE = 80

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


def read_values(parts: Sequence[Path] | None, contract: Contract, top: Sequence[TopRow]) -> Values | None:
    """Read the features of the top rows; None where they are gone, or the rows have none.

    Args:
        parts: of the dataset that was scored; None where they were removed.
        contract: names the features.
        top: the rows.
    """
    names = [column.name for column in contract.features]
    if not (top and names) or parts is None:
        return None
    most = max(1, MAX_CELLS // len(top))
    records = zip(top, read_places(parts, [row.place for row in top], names), strict=True)
    numbers = {name: number for number, name in enumerate(names)}
    rows = tuple(
        tuple((numbers[name], cell(record[name])) for name in _shown(row, names)[:most]) for row, record in records
    )
    return Values(tuple(names), rows, max(0, len(names) - most))


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
    return clip(value, _CLIP_VALUE) if isinstance(value, str) else value

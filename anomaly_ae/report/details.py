"""The detail of a row: its features as in the source, if the dataset still exists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from anomaly_ae.ingest.contract import Contract
from anomaly_ae.report.wording import clip
from anomaly_ae.storage.locations import Location
from anomaly_ae.workspace.places import read_places
from anomaly_ae.workspace.top_rows import TopRow

MAX_CELLS = 40_000
"""Maximum number of cells in all details together, so that even the page of a table with a thousand columns opens."""

_CLIP_VALUE = 80

Cell = float | int | bool | str | None


@dataclass(frozen=True)
class Values:
    """Features of the top rows.

    Attributes:
        columns: names of all feature columns.
        rows: the cells of each row, as (index into `columns`, value).
        left_out: number of columns per row that are not shown.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[int, Cell], ...], ...]
    left_out: int = 0


def read_values(parts: Sequence[Location] | None, contract: Contract, top: Sequence[TopRow]) -> Values | None:
    """Read the features of the top rows; return None if they were removed or the rows have none.

    Args:
        parts: the Parquet files of the dataset that was scored; None if they were removed.
        contract: the contract that names the features.
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
    """Return the features in display order: the row's reasons first, then as in the source."""
    reasons = [reason.feature for reason in row.reasons if reason.feature in names]
    return [*reasons, *(name for name in names if name not in reasons)]


def cell(value: Any) -> Cell:
    """Return a value that JSON can represent; long text is clipped, and NaN and infinity become text."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, float) and value - value != 0:
        return str(value)
    return clip(value, _CLIP_VALUE) if isinstance(value, str) else value

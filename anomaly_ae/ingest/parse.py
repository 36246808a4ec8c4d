"""Parses a raw column into the type of its contract, and records which cells do not parse, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.ingest.cells import as_integers, blank_exactly, blank_missing, cast_or_null, to_text, trim
from anomaly_ae.ingest.contract import ARROW_TYPES, ColumnContract, Dtype
from anomaly_ae.ingest.datetimes import ISO, parse_datetime

TRUE_WORDS = ("true", "t", "yes", "y")
FALSE_WORDS = ("false", "f", "no", "n")
_BOOLEANS = {**dict.fromkeys((*TRUE_WORDS, "1", "1.0"), True), **dict.fromkeys((*FALSE_WORDS, "0", "0.0"), False)}

REASONS = {
    "not_numeric": "is not a number",
    "not_integer": "is not an integer, as the rows were that the contract was inferred from",
    "infinite": "is infinite",
    "not_boolean": "is not true or false",
    "not_datetime": "is not a date or time in the contract's format",
}
"""What can be wrong with a cell: the code of each reason, and its wording after the cell's value."""

RULES: dict[Dtype, tuple[str, ...]] = {
    "int64": ("not_numeric", "not_integer", "infinite"),
    "float64": ("not_numeric", "infinite"),
    "bool": ("not_boolean",),
    "string": (),
    "timestamp": ("not_datetime",),
    "timestamp_utc": ("not_datetime",),
}
"""The reasons that a column of each type is checked for."""


@dataclass(frozen=True)
class Parsed:
    """A parsed column.

    Attributes:
        values: in the contract's Arrow type; null where a cell is missing or does not parse.
        failed: for each reason that occurs, the mask of its cells.
        checked: number of cells that were not missing.
    """

    values: pa.Array
    failed: dict[str, np.ndarray]
    checked: int


def parse_column(raw: pa.Array, column: ColumnContract, missing: tuple[str, ...]) -> Parsed:
    """Parse a raw column (of text or a plain type) into its contract's type.

    The result of a cell depends on that cell alone; casting a whole column at once is only a shortcut.

    Args:
        raw: the cells as read.
        column: the contract of the column.
        missing: texts that mean a missing cell.
    """
    if raw.type == ARROW_TYPES[column.dtype] and column.dtype != "string" and not _hides_missing(column, missing):
        return _judge(raw, raw)
    text = to_text(raw)
    if column.dtype == "string":
        values = blank_missing(text, missing)
        return Parsed(values, {}, len(values) - values.null_count)
    cells = blank_exactly(text, missing)
    values = _cast_whole(cells, column)
    if values is None:
        cells = trim(text, missing)
        values = _PARSERS[column.dtype](cells, column)
    return _judge(values, cells)


def _cast_whole(cells: pa.Array, column: ColumnContract) -> pa.Array | None:
    """Cast a column at once; None where that fails, or could differ from parsing cell by cell."""
    if column.dtype == "bool" or column.datetime_format not in {None, ISO}:
        return None
    if column.dtype == "int64" and _has_hex(cells):
        return None
    try:
        return cells.cast(ARROW_TYPES[column.dtype])
    except pa.ArrowInvalid:
        return None


@lru_cache(maxsize=4096)
def _hides_missing(column: ColumnContract, missing: tuple[str, ...]) -> bool:
    """Say whether one of the missing values (such as -999) also parses as a value of the column."""
    values = _judge(
        _PARSERS[column.dtype](pa.array(missing, pa.string()), column), pa.array(missing, pa.string())
    ).values
    return bool(values.null_count < len(values))


def _has_hex(text: pa.Array) -> bool:
    """Say whether a cell could be a hexadecimal number, which only pyarrow takes for an integer."""
    return bool(pc.any(pc.match_substring(text, "x", ignore_case=True)).as_py())


def _parse_integers(cells: pa.Array, column: ColumnContract) -> pa.Array:  # noqa: ARG001 - the signature of every parser
    """Parse integers, also those written like a float (3.0, +3, 3e2)."""
    decimal = pc.if_else(pc.match_substring(cells, "x", ignore_case=True), None, cells)
    integers = cast_or_null(decimal, pa.int64())
    if integers.null_count == cells.null_count:
        return integers
    rest = pc.if_else(pc.is_null(integers), cells, None)
    return pc.coalesce(integers, as_integers(cast_or_null(rest, pa.float64())))


def _parse_floats(cells: pa.Array, column: ColumnContract) -> pa.Array:  # noqa: ARG001 - the signature of every parser
    return cast_or_null(cells, pa.float64())


def _parse_booleans(cells: pa.Array, column: ColumnContract) -> pa.Array:  # noqa: ARG001 - the signature of every parser
    places = pc.index_in(pc.utf8_lower(cells), value_set=pa.array(list(_BOOLEANS)))
    return pa.array(list(_BOOLEANS.values())).take(places)


def _parse_datetimes(cells: pa.Array, column: ColumnContract) -> pa.Array:
    return parse_datetime(cells, column.datetime_format or ISO, ARROW_TYPES[column.dtype])


_PARSERS: dict[Dtype, Callable[[pa.Array, ColumnContract], pa.Array]] = {
    "int64": _parse_integers,
    "float64": _parse_floats,
    "bool": _parse_booleans,
    "timestamp": _parse_datetimes,
    "timestamp_utc": _parse_datetimes,
}


def _judge(values: pa.Array, cells: pa.Array) -> Parsed:
    """Find why each cell that is present has no finite value; NaN counts as missing."""
    finite = not pa.types.is_floating(values.type) or pc.all(pc.is_finite(values)).as_py()
    if finite and values.null_count == cells.null_count:
        return Parsed(values, {}, len(cells) - cells.null_count)
    present = mask(cells.is_valid())
    failed: dict[str, np.ndarray] = {}
    if not finite:
        present &= ~mask(pc.is_nan(values))
        failed["infinite"] = mask(pc.is_inf(values))
        values = pc.if_else(pc.is_finite(values), values, None)
    lost = present & mask(values.is_null())
    if lost.any():
        failed |= _why(values.type, cells, lost & ~failed.get("infinite", np.False_))
    return Parsed(values, {reason: rows for reason, rows in failed.items() if rows.any()}, int(present.sum()))


def _why(target: pa.DataType, cells: pa.Array, lost: np.ndarray) -> dict[str, np.ndarray]:
    if pa.types.is_boolean(target):
        return {"not_boolean": lost}
    if pa.types.is_timestamp(target):
        return {"not_datetime": lost}
    numbers = cast_or_null(pc.if_else(pa.array(lost), cells, None), pa.float64())
    numeric, infinite = mask(numbers.is_valid()), mask(pc.is_inf(numbers))
    if pa.types.is_integer(target):
        return {"not_numeric": lost & ~numeric, "not_integer": numeric & ~infinite, "infinite": infinite}
    return {"not_numeric": lost}


def mask(booleans: pa.Array) -> np.ndarray:
    """Return a boolean column as a NumPy mask; null is False."""
    flags = pc.fill_null(booleans, fill_value=False).to_numpy(zero_copy_only=False)
    result: np.ndarray = np.array(flags, dtype=np.bool_)
    return result

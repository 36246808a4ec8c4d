"""The role of a column, guessed from its name and its cells; every guess comes with its reason."""

import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.ingest.cells import cast_or_null, to_text, trim
from anomaly_ae.ingest.contract import ColumnContract, Dtype
from anomaly_ae.ingest.datetimes import FORMATS, ISO, has_zone, other_reading, parse_datetime
from anomaly_ae.ingest.parse import FALSE_WORDS, TRUE_WORDS
from anomaly_ae.spec import Role

_ENOUGH = 0.99
"""Share of a column's cells that must parse as a type; the rows of the others are rejected."""

MAX_CATEGORIES = 1000
_FEW_CATEGORIES = 10
"""A text column with at most this many categories is categorical however small the table is."""

_PROBE = 50
_ID_WORDS = frozenset({"id", "uid", "uuid", "guid", "key", "identifier", "number", "no", "nr", "rowid"})


def guess_column(name: str, raw: pa.Array, missing: tuple[str, ...]) -> ColumnContract:
    """Guess the role of a column from its sample; never id, label, time or entity."""
    if not name.strip():
        return ignored(name, "it has no name; name it in the header to use it")
    cells = present_cells(raw, missing)
    if len(cells) == 0:
        return ignored(name, f"no value in the first {len(raw)} rows")
    for judge in (_as_boolean, as_number, as_datetime):
        column = judge(name, cells)
        if column:
            return column
    return _as_text(name, cells)


def present_cells(raw: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """Return the cells that are not missing, text trimmed."""
    if pa.types.is_string(raw.type):
        return trim(raw, missing).drop_null()
    cells = raw.drop_null()
    return cells.filter(pc.invert(pc.is_nan(cells))) if pa.types.is_floating(cells.type) else cells


def ignored(name: str, note: str) -> ColumnContract:
    """Make the contract of a column that is left out, with the reason."""
    return ColumnContract(name=name, role=Role.IGNORED, dtype="string", note=note)


def _as_boolean(name: str, cells: pa.Array) -> ColumnContract | None:
    """Take true/false, yes/no, t/f and y/n as boolean.

    Except for true/false, both values must occur: a sample of only F or N may continue with M or Maybe.
    """
    if pa.types.is_boolean(cells.type):
        return ColumnContract(name=name, role=Role.BOOLEAN, dtype="bool", note="typed as boolean")
    if not pa.types.is_string(cells.type):
        return None
    lowered = pc.utf8_lower(cells)
    trues, falses = (
        lowered.filter(pc.is_in(lowered, value_set=pa.array(words))) for words in (TRUE_WORDS, FALSE_WORDS)
    )
    words = set(pc.unique(trues).to_pylist()) | set(pc.unique(falses).to_pylist())
    told = (len(trues) and len(falses)) or words <= {"true", "false"}
    if len(trues) + len(falses) < _ENOUGH * len(cells) or not told:
        return None
    return ColumnContract(name=name, role=Role.BOOLEAN, dtype="bool", note=f"values {', '.join(sorted(words))}")


def as_number(name: str, cells: pa.Array) -> ColumnContract | None:
    """Take a column as numeric where enough cells are numbers; int64 if all of these are integers that fit."""
    if pa.types.is_integer(cells.type):
        return _numeric(name, "int64", "typed as integer")
    if pa.types.is_floating(cells.type):
        return _numeric(name, "float64", "typed as float")
    numbers = _parse_if_enough(cells, lambda text: cast_or_null(text, pa.float64()))
    if numbers is None:
        return None
    integers = _integers(cells)
    count = len(numbers) - numbers.null_count
    note = f"{_percent(count, len(cells))} of the values are numbers"
    if len(integers) < count:
        return _numeric(name, "float64", note)
    if cast_or_null(pc.utf8_ltrim(integers, "+"), pa.int64()).null_count:
        return _numeric(name, "float64", "integers beyond int64, rounded to floats; as an id they would stay exact")
    return _numeric(name, "int64", f"{note}, all of them integers")


def as_datetime(name: str, cells: pa.Array) -> ColumnContract | None:
    """Take a column as datetime where enough cells are in one of the known formats."""
    if pa.types.is_timestamp(cells.type):
        dtype: Dtype = "timestamp_utc" if cells.type.tz else "timestamp"
        return ColumnContract(name=name, role=Role.DATETIME, dtype=dtype, note="typed as timestamp")
    if not pa.types.is_string(cells.type) or not pc.any(pc.match_substring_regex(_probe(cells), "[0-9]")).as_py():
        return None
    for candidate, zoned in ((ISO, False), (ISO, True), *((known, has_zone(known)) for known in FORMATS)):
        if _parse_if_enough(cells, _reader_of(candidate, zoned=zoned)) is not None:
            dtype = "timestamp_utc" if zoned else "timestamp"
            note = f"dates as {candidate}{_doubt(cells, candidate)}"
            return ColumnContract(name=name, role=Role.DATETIME, dtype=dtype, datetime_format=candidate, note=note)
    return None


def _reader_of(candidate: str, *, zoned: bool) -> Callable[[pa.Array], pa.Array]:
    target = pa.timestamp("us", "UTC" if zoned else None)
    return lambda text: parse_datetime(text, candidate, target)


def _doubt(cells: pa.Array, chosen: str) -> str:
    """Return a remark where day and month could be swapped."""
    other = other_reading(chosen)
    if other and _parse_if_enough(cells, _reader_of(other, zoned=False)) is not None:
        return f"; {other} fits as well, and no value tells which: write ISO 8601 dates to be sure"
    return ""


def _as_text(name: str, cells: pa.Array) -> ColumnContract:
    categories = pc.count_distinct(cells).as_py()
    numbers = cast_or_null(_probe(cells), pa.float64())
    share = 1 - numbers.null_count / len(numbers)
    hint = f"; {share:.0%} of the values are numbers, {_ENOUGH:.0%} make a numeric column" if share > 0.5 else ""
    if categories <= MAX_CATEGORIES and categories <= max(len(cells) // 2, _FEW_CATEGORIES):
        # The note is part of contract.json: another wording would make other datasets of the same sources.
        note = f"text of {categories} levels{hint}"
        return ColumnContract(name=name, role=Role.CATEGORICAL, dtype="string", note=note)
    return ignored(name, f"free text: {categories} different values in {len(cells)} rows{hint}")


def _is_called_id(name: str) -> bool:
    """Say whether the last word of a name is typical of ids, as in row_id, PolicyNumber, UUID or key."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").split()
    return bool(words) and words[-1].lower() in _ID_WORDS


def is_id(column: ColumnContract, raw: pa.Array, missing: tuple[str, ...]) -> bool:
    """Say whether a column identifies rows: named like an id, integers or text, none missing, none twice."""
    if not _is_called_id(column.name) or column.dtype not in {"int64", "float64", "string"}:
        return False
    cells = present_cells(raw, missing)
    if column.dtype == "float64" and len(_integers(cells)) < len(cells):  # floats, not integers beyond int64
        return False
    return bool(len(cells) == len(raw) == pc.count_distinct(to_text(cells)).as_py())


def _integers(cells: pa.Array) -> pa.Array:
    """Return the text cells that are integers of any length."""
    return (
        cells.filter(pc.match_substring_regex(cells, r"^[+-]?[0-9]+$")) if pa.types.is_string(cells.type) else cells[:0]
    )


def _numeric(name: str, dtype: Dtype, note: str) -> ColumnContract:
    return ColumnContract(name=name, role=Role.NUMERIC, dtype=dtype, note=note)


def _parse_if_enough(cells: pa.Array, parse: Callable[[pa.Array], pa.Array]) -> pa.Array | None:
    """Parse the cells; None where too few of them parse. A probe of some cells rules most columns out early."""
    probed = parse(_probe(cells))
    if probed.null_count * 2 > len(probed):
        return None
    parsed = parse(cells)
    return parsed if parsed.null_count <= (1 - _ENOUGH) * len(cells) else None


def _probe(cells: pa.Array) -> pa.Array:
    """Return some cells, spread over the column."""
    step = -(-len(cells) // _PROBE)
    return cells.take(pa.array(range(0, len(cells), step)))


def _percent(part: int, whole: int) -> str:
    return "100%" if part == whole else f"{part / whole:.1%}"

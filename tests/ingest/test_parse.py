"""A cell parses by its own text alone, or fails for a stated reason."""

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_ae.ingest.contract import ARROW_TYPES, ColumnContract, Dtype
from anomaly_ae.ingest.datetimes import FORMATS, ISO
from anomaly_ae.ingest.parse import REASONS, RULES, parse_column
from anomaly_ae.spec import DataSpec, Role

MISSING = DataSpec(source=".").missing_values


def contract(dtype: Dtype, datetime_format: str | None = None) -> ColumnContract:
    """Make the contract of a column `x`."""
    return ColumnContract(name="x", role=Role.NUMERIC, dtype=dtype, datetime_format=datetime_format)


def outcome(raw: pa.Array, column: ColumnContract, missing: tuple[str, ...] = MISSING) -> list[Any]:
    """Parse a column; return for each cell its value, None, or the reason why it fails."""
    parsed = parse_column(raw, column, missing)
    cells = parsed.values.to_pylist()
    for reason, rows in parsed.failed.items():
        for row in rows.nonzero()[0]:
            assert cells[row] is None
            cells[row] = reason
    assert parsed.values.type == ARROW_TYPES[column.dtype]
    return cells


@pytest.mark.parametrize(
    ("dtype", "cell", "expected"),
    [
        ("float64", "1.5", 1.5),
        ("float64", " 1e3 ", 1000.0),
        ("float64", "-0", 0.0),
        ("float64", "", None),
        ("float64", " NA ", None),
        ("float64", "nan", None),
        ("float64", "-inf", "infinite"),
        ("float64", "1e400", "infinite"),
        ("float64", "1,5", "not_numeric"),
        ("float64", "0x1F", "not_numeric"),
        ("float64", "abc", "not_numeric"),
        ("int64", "007", 7),
        ("int64", "9007199254740993", 2**53 + 1),
        ("int64", "-9223372036854775808", -(2**63)),
        ("int64", "9223372036854775808", "not_integer"),
        ("int64", "3.0", 3),
        ("int64", "+3", 3),
        ("int64", "3.5", "not_integer"),
        ("int64", "0x1F", "not_numeric"),
        ("int64", "inf", "infinite"),
        ("int64", "?", None),
        ("bool", "TRUE", True),
        ("bool", " n ", False),
        ("bool", "0", False),
        ("bool", "maybe", "not_boolean"),
        ("string", " a ", " a "),
        ("string", " ", None),
        ("timestamp", "2020-01-02", dt.datetime(2020, 1, 2)),  # noqa: DTZ001 (naive on purpose)
        ("timestamp", "2020-01-02T03:04:05.123456789", dt.datetime(2020, 1, 2, 3, 4, 5, 123456)),  # noqa: DTZ001 (as above)
        ("timestamp", "2020-02-30", "not_datetime"),
        ("timestamp", "2020-01-02T03:04:05Z", "not_datetime"),
        ("timestamp_utc", "2020-01-02T03:04:05+01:00", dt.datetime(2020, 1, 2, 2, 4, 5, tzinfo=dt.UTC)),
        ("timestamp_utc", "2020-01-02T03:04:05", "not_datetime"),
    ],
)
@pytest.mark.parametrize("company", [[], ["zzz", "", "1"]])
def test_cell_parses_whatever_its_company(dtype: Dtype, cell: str, expected: Any, company: list[str]) -> None:
    """A cell has one outcome, alone in a column that casts at once or beside cells that do not parse."""
    assert outcome(pa.array([*company, cell]), contract(dtype))[-1] == expected


@pytest.mark.parametrize(
    ("raw", "dtype", "expected"),
    [
        (pa.array([1.0, 2.5, float("nan"), float("inf"), None]), "float64", [1.0, 2.5, None, "infinite", None]),
        (pa.array([1.0, 2.5, float("nan"), 1e300]), "int64", [1, "not_integer", None, "not_integer"]),
        (pa.array([2**53 + 1, None]), "float64", [float(2**53), None]),
        (pa.array([123456789012.0, 1e16, 0.1, float("nan")]), "string", ["123456789012", "1e+16", "0.1", None]),
        (pa.array([1, 0, 2]), "bool", [True, False, "not_boolean"]),
        (pa.array([1.0, 0.0, None]), "bool", [True, False, None]),
        (pa.array([True, None]), "int64", ["not_numeric", None]),
        (pa.array([True, None]), "string", ["true", None]),
        (pa.nulls(2), "float64", [None, None]),
        (pa.nulls(2), "timestamp", [None, None]),
        (pa.nulls(2), "bool", [None, None]),
        (pa.array([], pa.string()), "int64", []),
        (pa.array([0], pa.timestamp("us", "UTC")), "timestamp", ["not_datetime"]),
    ],
)
def test_retyped_column_is_parsed_where_it_can_be(raw: pa.Array, dtype: Dtype, expected: list[Any]) -> None:
    """A column that comes in another type than the contract's is parsed cell by cell, by the same rules."""
    assert outcome(raw, contract(dtype)) == expected


def test_missing_value_that_looks_like_a_number_is_missing() -> None:
    """A sentinel such as -999 is missing also where every cell of the column would cast."""
    assert outcome(pa.array(["1", "-999"]), contract("int64"), ("-999",)) == [1, None]
    assert outcome(pa.array([1, -999]), contract("int64"), ("-999",)) == [1, None]
    assert outcome(pa.array([0.5, -999.0]), contract("float64"), ("-999",)) == [0.5, None]


def test_without_missing_values_an_empty_cell_is_a_value() -> None:
    """Where nothing counts as missing, an empty cell is empty text, or no number."""
    assert outcome(pa.array([""]), contract("string"), ()) == [""]
    assert outcome(pa.array([""]), contract("float64"), ()) == ["not_numeric"]


@pytest.mark.parametrize("datetime_format", FORMATS)
def test_every_listed_format_reads_what_it_writes(datetime_format: str) -> None:
    """Each date format gives back the minute that it spells, and fails on other text."""
    moment = dt.datetime(2021, 3, 4, 17, 8, tzinfo=dt.UTC)
    column = contract("timestamp_utc" if "%z" in datetime_format else "timestamp", datetime_format)

    cells = outcome(pa.array([moment.strftime(datetime_format), "soon", None]), column)

    assert cells[1:] == ["not_datetime", None]
    assert cells[0].strftime(datetime_format) == moment.strftime(datetime_format)


cells = st.one_of(
    st.sampled_from(["", "NA", " 1 ", "1.0", "+2", "0x1f", "nan", "-inf", "1e999", "t", "No", "2020-01-01", "20-1-1"]),
    st.integers().map(str),
    st.floats().map(repr),
    st.datetimes().map(str),
    st.text(max_size=8),
)


@given(st.lists(cells, min_size=1, max_size=12), st.sampled_from(list(RULES)))
def test_company_never_changes_an_outcome(texts: list[str], dtype: Dtype) -> None:
    """A column parses as its cells do one by one, and fails only for reasons listed for its type."""
    texts = [text.encode(errors="replace").decode() for text in texts]
    column = contract(dtype, ISO if dtype.startswith("timestamp") else None)

    together = outcome(pa.array(texts), column)

    assert repr(together) == repr([outcome(pa.array([text]), column)[0] for text in texts])
    reasons = {cell for cell in together if isinstance(cell, str) and cell in REASONS}
    assert dtype == "string" or reasons <= set(RULES[dtype])

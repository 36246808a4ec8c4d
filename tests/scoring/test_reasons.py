"""Reasons are a row's largest contributions, with actual and expected value as readable text."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from encoding_support import fit
from hypothesis import given
from hypothesis import strategies as st

from anomaly_ae.estimators.frames import to_table
from anomaly_ae.estimators.tabular import TabularAutoencoder
from anomaly_ae.scoring.reasons import reasons
from anomaly_ae.scoring.schema import REASON
from anomaly_ae.scoring.scores import Scores

ROWS = pd.DataFrame(
    {
        "speed": [10.0, 20.0, np.nan, 1234.5678] * 5,
        "line": ["north", "south", None, "north"] * 5,
        "at": pd.date_range("2026-01-05", periods=20, freq="9h"),
    }
)
FITTED = fit(ROWS, min_category_rows=1)


def scores_of(contributions: Any) -> Scores:
    """Return scores with the given contributions; the reconstruction is the first train row's elements."""
    rows = np.array(contributions, float)
    reconstruction = np.repeat(FITTED.encode(ROWS.head(1)).elements, len(rows), axis=0)
    return Scores(rows.sum(axis=1), rows, reconstruction)


def test_largest_first_with_values_and_expected_in_source_units() -> None:
    """Each reason has the column, its cell as text, the expected value and the contribution."""
    rows = FITTED.table(ROWS.iloc[[3]])

    (row,) = reasons(FITTED.encoder, rows, scores_of([[3.0, 0.5, 2.0]]), 3).to_pylist()

    assert row == [
        {"feature": "speed", "value": "1234.5678", "expected": "10", "contribution": 3.0},
        {"feature": "at", "value": "2026-01-06 03:00:00 Tue", "expected": "00:00 Mon", "contribution": 2.0},
        {"feature": "line", "value": "north", "expected": "north (50 %)", "contribution": 0.5},
    ]


def test_missing_reads_as_missing() -> None:
    """A missing cell, null or NaN, says that a value was expected."""
    rows = FITTED.table(ROWS.iloc[[2]])
    with_nan = rows.set_column(0, "speed", pa.array([np.nan]))

    for table in (rows, with_nan):
        (row,) = reasons(FITTED.encoder, table, scores_of([[3.0, 2.0, 0.0]]), 2).to_pylist()
        assert [(reason["feature"], reason["value"]) for reason in row] == [
            ("speed", "missing where normally present"),
            ("line", "missing where normally present"),
        ]


def test_a_gap_and_a_value_say_which_of_them_is_normal() -> None:
    """In a column that was always missing, a gap reads as missing, and a value as expected to be missing."""
    frame = pd.DataFrame({"speed": np.arange(20.0), "note": [None] * 20})
    fitted = fit(frame)
    rows = pa.table({"speed": [1.0, 1.0], "note": pa.array([None, "late"])})
    elements = np.repeat(fitted.encode(frame.head(1)).elements, 2, axis=0)
    scores = Scores(np.full(2, 1.0), np.array([[0.0, 1.0]] * 2), elements)

    found = reasons(fitted.encoder, rows, scores, 1).to_pylist()

    assert [(row[0]["value"], row[0]["expected"]) for row in found] == [
        ("missing", "missing (100 %)"),
        ("late", "missing (100 %)"),
    ]


def test_datetimes_keep_their_time_zone() -> None:
    """A datetime in UTC is written with its Z and its weekday."""
    at = pd.DataFrame({"at": pd.date_range("2026-01-05", periods=20, freq="9h", tz="UTC"), "speed": np.arange(20.0)})
    fitted = fit(at)
    scores = Scores(np.ones(1), np.array([[1.0, 0.0]]), fitted.encode(at.head(1)).elements)

    (row,) = reasons(fitted.encoder, fitted.table(at.tail(1)), scores, 1).to_pylist()

    assert row[0]["value"] == "2026-01-12 03:00:00Z Mon"


def test_equal_contributions_come_in_column_order() -> None:
    """Ties are broken the same way on every machine."""
    (row,) = reasons(FITTED.encoder, FITTED.table(ROWS.head(1)), scores_of([[1.0, 1.0, 1.0]]), 2).to_pylist()

    assert [reason["feature"] for reason in row] == ["speed", "line"]


@given(
    contributions=st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.25]), min_size=3, max_size=3), max_size=20),
    count=st.integers(0, 5),
)
def test_all_rows_at_once_equal_one_row_at_a_time(contributions: list[list[float]], count: int) -> None:
    """The column-wise result is that of a plain loop over rows."""
    rows = FITTED.table(ROWS.head(len(contributions)))
    scores = scores_of(np.reshape(contributions, (-1, 3)))

    found = reasons(FITTED.encoder, rows, scores, count)

    assert found.type == pa.list_(REASON)
    assert found.to_pylist() == [
        naive(rows.slice(index, 1), scores, index, count) for index in range(len(contributions))
    ]


def naive(row: pa.Table, scores: Scores, index: int, count: int) -> list[dict[str, object]]:
    """Return the reasons of one row."""
    contributions = scores.contributions[index].tolist()
    largest = sorted(range(3), key=lambda column: (-contributions[column], column))[:count]
    texts = {
        "speed": lambda cell: str(cell).removesuffix(".0"),
        "line": str,
        "at": lambda cell: f"{cell:%Y-%m-%d %H:%M:%S %a}",
    }
    names = [FITTED.encoder.names[column] for column in largest]
    cells = [row.column(name)[0].as_py() for name in names]
    return [
        {
            "feature": name,
            "value": "missing where normally present" if cell is None else texts[name](cell),
            "expected": FITTED.encoder.expected(column, scores.reconstruction[[index]])[0].as_py(),
            "contribution": contributions[column],
        }
        for name, cell, column in zip(names, cells, largest, strict=True)
    ]


def test_reasons_of_a_model_are_its_largest_contributions(fitted: TabularAutoencoder, mixed: pd.DataFrame) -> None:
    """The reasons of a fitted model are the columns with its largest contributions."""
    rows = to_table(mixed.head(50).assign(load=999.0), fitted.contract_)
    scores = fitted.model_.score(rows)

    found = fitted.model_.reasons(rows, scores).to_pylist()

    for row, contributions in zip(found, scores.contributions, strict=True):
        assert [reason["contribution"] for reason in row] == np.sort(contributions)[::-1][:3].tolist()
    assert np.mean([row[0]["feature"] in {"load", "heat"} for row in found]) > 0.9
    of_load = [reason for row in found for reason in row if reason["feature"] == "load"]
    assert {reason["value"] for reason in of_load} == {"999"}
    assert np.median([float(reason["expected"]) for reason in of_load]) == pytest.approx(50, abs=40)

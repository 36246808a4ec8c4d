"""Numeric columns: the views, missing cells, constants, far values, and expected values in source units."""

import numpy as np
import pandas as pd
import pytest
from encoding_support import fit
from hypothesis import given
from hypothesis import strategies as st

from anomaly_ae.features.table import LINEAR_RANGE

VIEWS = pytest.mark.parametrize("view", ["auto", "standard", "quantile", "tempered", "both"])
RNG = np.random.default_rng(2)
NORMAL = RNG.normal(100, 15, 600)
HEAVY = np.exp(RNG.normal(0, 2, 600))


@VIEWS
def test_missing_is_the_mean_and_has_an_element_of_its_own(view: str) -> None:
    """A missing cell is 0 in every value element, and an indicator tells it from the mean."""
    values = np.where(np.arange(600) % 5 == 0, np.nan, NORMAL)
    fitted = fit({"a": values}, numeric=view)

    missing, present = fitted.encode({"a": [np.nan, 100.0]}).elements

    assert not missing[:-1].any()
    assert missing[-1] > 0 > present[-1]
    assert fitted.expected("a", {"a": [np.nan]}) == ["missing (20 %)"]


def test_a_missing_cell_where_train_had_none_surprises() -> None:
    """A gap is a surprise only where no train row had one."""
    assert fit({"a": NORMAL}).encode({"a": [np.nan, 1.0]}).surprise.tolist() == [[True], [False]]

    gappy = fit({"a": np.append(NORMAL, np.nan)})
    assert not gappy.encode({"a": [np.nan, 1.0]}).surprise.any()


def test_a_value_where_all_were_missing_surprises() -> None:
    """A column without any value in train has no element; a value in it later is a surprise."""
    fitted = fit({"a": NORMAL, "b": np.full(600, np.nan)})

    encoded = fitted.encode({"a": [100.0, 100.0], "b": [np.nan, 7.0]})

    assert encoded.surprise.tolist() == [[False, False], [False, True]]
    assert fitted.encoder.width == 1
    assert fitted.expected("b", {"a": [100.0], "b": [7.0]}) == ["missing (100 %)"]


def test_a_constant_that_moves_surprises_and_nothing_else_changes() -> None:
    """A moved constant is a surprise in its column; every element of the row is what it would have been."""
    fitted = fit({"a": NORMAL, "c": np.full(600, 1_234_567.0)})

    encoded = fitted.encode({"a": [90.0, 90.0, 90.0], "c": [1_234_567.0, 1_234_568.0, -1e9]})

    assert encoded.surprise.tolist() == [[False, False], [False, True], [False, True]]
    assert (encoded.elements == encoded.elements[0]).all()
    assert fitted.expected("c", {"a": [90.0], "c": [0.0]}) == ["1234567"]


def test_a_constant_may_differ_by_rounding() -> None:
    """A difference in the last bits does not count as a change of the constant."""
    fitted = fit({"a": NORMAL, "c": np.full(600, 0.3)})

    assert not fitted.encode({"a": [90.0], "c": [0.1 + 0.2]}).surprise.any()


@VIEWS
@pytest.mark.parametrize("train", [NORMAL, HEAVY], ids=["normal", "heavy tails"])
def test_expected_reads_in_source_units(view: str, train: np.ndarray) -> None:
    """Encoding train values and reading the elements back gives the values, to six digits or so."""
    values = np.sort(train)[::60]

    texts = fit({"a": train}, numeric=view).expected("a", {"a": values})

    assert np.array([float(text) for text in texts]) == pytest.approx(values, rel=1e-3)


@VIEWS
@given(values=st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=30))
def test_farther_stays_farther(view: str, values: list[float]) -> None:
    """Elements are finite for every value and never decrease as the value grows."""
    fitted = FITTED[view]

    elements = fitted.elements_of("a", {"a": np.sort(values)})

    assert np.isfinite(elements).all()
    assert (np.diff(elements, axis=0) >= 0).all()


@VIEWS
def test_beyond_the_train_rows_farther_is_strictly_more(view: str) -> None:
    """From five to a million standard deviations away, each step outwards shows, and elements stay bounded."""
    steps = 100 + 15 * np.array([5.0, 10, 30, 100, 1000, 10_000, 1e6])

    elements = FITTED[view].elements_of("a", {"a": steps})

    assert (np.diff(elements, axis=0) > 0.1).all()
    assert elements.max() < LINEAR_RANGE + 20


def test_quantile_view_is_normal_where_the_column_is_not() -> None:
    """A skewed column mapped by its quantiles has the quartiles of a standard normal."""
    elements = fit({"a": HEAVY}, numeric="quantile").encode({"a": HEAVY}).elements[:, 0]

    assert np.quantile(elements, [0.25, 0.5, 0.75]) == pytest.approx([-0.6745, 0, 0.6745], abs=0.02)


def test_auto_maps_heavy_tails_and_leaves_the_rest() -> None:
    """The automatic view is tempered for heavy-tailed columns only."""
    chosen = fit({"light": NORMAL, "heavy": HEAVY}).encoder.columns

    assert [column.views for column in chosen] == [("standard",), ("tempered",)]


def test_whole_numbers_beyond_float_precision_are_rounded_not_refused() -> None:
    """Integers beyond 2^53 are told apart as far as a float can."""
    whole = 2**62 + np.arange(100) * 2**40
    fitted = fit(pd.DataFrame({"a": whole, "b": np.arange(100.0)}))

    elements = fitted.elements_of("a", pd.DataFrame({"a": whole, "b": 0.0}))

    assert (np.diff(elements, axis=0) >= 0).all()


FITTED = {view: fit({"a": NORMAL}, numeric=view) for view in ("auto", "standard", "quantile", "tempered", "both")}

"""The first reason is the column that was tampered with."""

import numpy as np
import pytest
from reason_quality import hit_rates, make_rows, tamper


def test_a_shifted_column_is_the_first_reason() -> None:
    """A column that moves by five standard deviations comes first in at least 95 % of the rows."""
    ours, _ = hit_rates("shift", 0)
    assert ours >= 0.95


def test_a_broken_link_is_the_first_reason() -> None:
    """One of two columns that no longer go together comes first in at least 80 %; by z-scores it hardly ever does."""
    ours, z_score = hit_rates("link", 0)
    assert ours >= 0.8
    assert z_score < 0.5


@pytest.mark.parametrize("column", [0, 3])
def test_a_broken_link_moves_no_marginal(column: int) -> None:
    """The column holds exactly the values it held, and the others are untouched."""
    X = make_rows(100, np.random.default_rng(0))
    broken = tamper(X, column, "link")
    assert np.array_equal(np.sort(X, axis=0), np.sort(broken, axis=0))
    assert np.array_equal(np.delete(X, column, axis=1), np.delete(broken, column, axis=1))
    assert np.abs(X[:, column] - broken[:, column]).min() > 0.5

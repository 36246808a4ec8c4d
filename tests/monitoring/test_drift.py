"""Drift: found where cells moved, and hardly ever where they did not, whatever the column."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from anomaly_ae.estimators.frames import contract_of, to_table
from anomaly_ae.monitoring.drift import compare, find_drift, holm
from anomaly_ae.monitoring.profile import CategoriesProfile, Profile

REPLAYS = 100
Draw = Callable[[np.random.Generator, int], pd.Series]


def profile_of(frame: pd.DataFrame) -> tuple[Profile, Callable[[pd.DataFrame], pa.Table]]:
    """Return the profile of some rows, and what turns others into a table of the same columns."""
    contract = contract_of(frame)
    return Profile.fit(to_table(frame, contract), contract.features), lambda rows: to_table(rows, contract)


def letters(rng: np.random.Generator, rows: int) -> pd.Series:
    """Draw from 2,000 levels, of which a small train split sees most once or never."""
    return pd.Series(rng.integers(0, 2000, rows)).map("v{}".format)


COLUMNS: dict[str, Draw] = {
    "normal": lambda rng, rows: pd.Series(rng.normal(size=rows)),
    "heavy tails": lambda rng, rows: pd.Series(rng.standard_cauchy(rows)),
    "ties": lambda rng, rows: pd.Series(np.round(rng.exponential(size=rows)) * (rng.random(rows) < 0.4)),
    "two levels": lambda rng, rows: pd.Series(rng.choice(["north", "south"], rows, p=[0.97, 0.03])),
    "many levels": letters,
    "hours": lambda rng, rows: pd.Series(
        pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 10**6, rows), "s")
    ),
}


@pytest.mark.parametrize("rows", [60, 400])
@pytest.mark.parametrize("draw", COLUMNS.values(), ids=COLUMNS)
def test_undrifted_columns_are_rarely_called_significant(draw: Draw, rows: int) -> None:
    """Of 100 pairs of samples from one law at most 4 have a p-value below .01; 5 in 100 would hardly be chance."""
    rng = np.random.default_rng(7)
    p_values = []
    for _ in range(REPLAYS):
        profile, as_table = profile_of(pd.DataFrame({"x": draw(rng, 1000)}))
        counts = profile.count(as_table(pd.DataFrame({"x": draw(rng, rows)})))
        p_values.append(compare(np.array(profile.columns[0].counts), counts[0]))

    assert np.sum(np.array(p_values) < 0.01) <= 4


def test_drifted_columns_come_first_with_what_changed() -> None:
    """A shifted number, a new level and a sensor gone silent are found and named; what stayed is not."""
    rng = np.random.default_rng(0)
    old, new = (
        pd.DataFrame({"heat": rng.normal(50, 5, 2000), "load": rng.normal(0, 1, 2000), "wear": rng.normal(0, 1, 2000)})
        for _ in range(2)
    )
    old["line"], new["line"] = rng.choice(["north", "south"], (2, 2000))
    new["heat"] += 5
    new.loc[:599, "line"] = "west"
    new.loc[:499, "wear"] = np.nan
    profile, as_table = profile_of(old)

    found = find_drift(profile.columns, profile.count(as_table(new)))

    assert [one.column for one in found if one.has_drifted] == ["heat", "line", "wear"]
    assert [one.column for one in found] == ["heat", "line", "wear", "load"]
    changes = {one.column: one.changes[0] for one in found}
    assert (changes["line"].group, changes["line"].before, changes["line"].after) == ("another category", 0, 0.3)
    assert (changes["wear"].group, changes["wear"].before, changes["wear"].after) == ("missing", 0, 0.25)


def test_a_level_without_precedent_is_found_beside_many_train_rows() -> None:
    """Ten new rows in 100 with a level that none of 10,000 train rows had are no chance, though chi-square is blind."""
    old = pd.DataFrame({"line": np.tile(["north", "south"], 5000).astype(object)})
    old["line"] = np.random.default_rng(0).permutation(old["line"])
    new = pd.DataFrame({"line": ["north"] * 45 + ["south"] * 45 + ["west"] * 10})
    profile, as_table = profile_of(old)

    found = find_drift(profile.columns, profile.count(as_table(new)))

    assert found[0].has_drifted


@pytest.mark.parametrize(("value", "drifted"), [(3.0, False), (4.0, True), (2.0, True)])
def test_a_constant_that_moves_has_drifted(value: float, drifted: bool) -> None:
    """A column of one value is a profile too: above it and below it is elsewhere."""
    profile, as_table = profile_of(pd.DataFrame({"x": np.full(200, 3.0)}))

    found = find_drift(profile.columns, profile.count(as_table(pd.DataFrame({"x": np.full(100, value)}))))

    assert found[0].has_drifted is drifted


def test_a_significant_trifle_is_no_drift() -> None:
    """Four rows in a thousand elsewhere are beyond chance among a million, and do not matter."""
    profile = CategoriesProfile(
        name="line", categories=("north", "south"), counts=(500_000, 500_000, 0, 0), missing_share=0
    )

    found = find_drift([profile], [np.array([496_000, 504_000, 0, 0])])

    assert found[0].p_corrected < 1e-4
    assert found[0].shift == pytest.approx(0.004)
    assert not found[0].has_drifted


def test_holm_equals_its_definition() -> None:
    """The smallest counts k times, the next k - 1 times, never less than one before it; the order is kept."""
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_common_bins_are_compared_as_scipy_does() -> None:
    """Where every bin expects enough, the p-value is chi-square's, doubled for the test that was not needed."""
    before, after = np.array([300, 400, 300]), np.array([120, 100, 80])

    expected = 2 * stats.chi2_contingency(np.stack([before, after]), correction=False).pvalue

    assert compare(before, after) == pytest.approx(expected)


def test_all_missing_and_no_rows_say_nothing() -> None:
    """Without known cells on both sides there is nothing to compare, and no warning."""
    profile, as_table = profile_of(pd.DataFrame({"x": np.full(50, np.nan)}))

    assert profile.columns[0].median is None  # type: ignore[union-attr]
    assert not find_drift(profile.columns, profile.count(as_table(pd.DataFrame({"x": np.full(50, np.nan)}))))[
        0
    ].has_drifted
    assert compare(np.zeros(3, int), np.ones(3, int)) == 1.0

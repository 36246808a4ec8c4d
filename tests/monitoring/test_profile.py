"""Profiles: what a column held, in bins that new cells fall into, kept as readable JSON."""

import numpy as np
import pandas as pd
import pytest

from anomaly_ae.estimators.frames import contract_of, to_table
from anomaly_ae.monitoring.profile import CategoriesProfile, NumericProfile, Profile


def test_every_kind_of_column_survives_json(mixed: pd.DataFrame) -> None:
    """Written and read again, a profile is the same and counts the same."""
    contract = contract_of(mixed)
    rows = to_table(mixed, contract)
    profile = Profile.fit(rows, contract.features)

    again = Profile.model_validate_json(profile.model_dump_json())

    assert again == profile
    assert [one.tolist() for one in again.count(rows)] == [one.tolist() for one in profile.count(rows)]
    assert [column.kind for column in profile.columns] == ["numeric", "numeric", "categories", "categories", "hours"]


def test_every_cell_falls_into_one_bin(mixed: pd.DataFrame) -> None:
    """Counts of any rows add up to their number, missing cells last, and there is a name for each bin."""
    contract = contract_of(mixed)
    rows = to_table(mixed, contract)
    profile = Profile.fit(rows.slice(0, 300), contract.features)

    counts = profile.count(rows)

    assert [one.sum() for one in counts] == [len(mixed)] * 5
    assert [len(one) for one in counts] == [len(column.groups) for column in profile.columns]
    assert counts[1][-1] == mixed["heat"].isna().sum()


def test_normal_range_is_of_all_train_rows() -> None:
    """Median and the 5 and 95 % quantiles are numpy's, missing cells apart."""
    values = np.append(np.random.default_rng(0).normal(size=999), np.nan)
    frame = pd.DataFrame({"x": values})
    contract = contract_of(frame)

    column = Profile.fit(to_table(frame, contract), contract.features).columns[0]

    assert isinstance(column, NumericProfile)
    assert [column.low, column.median, column.high] == pytest.approx(np.nanquantile(values, [0.05, 0.5, 0.95]))
    assert column.missing_share == 0.001


def test_values_beyond_those_seen_have_bins_of_their_own() -> None:
    """Below the lowest and above the highest train value no train row is counted, and infinities are cells too."""
    frame = pd.DataFrame({"x": np.random.default_rng(0).permutation(1000.0 + np.arange(400))})
    contract = contract_of(frame)
    column = Profile.fit(to_table(frame, contract), contract.features).columns[0]

    new = column.count(to_table(pd.DataFrame({"x": [-1e9, 0.0, 5000.0, 1e300]}), contract).column("x"))

    assert (new[0], new[-2], new[-1]) == (2, 2, 0)
    assert column.counts[0] <= 1
    assert column.counts[-2] <= 1


def test_levels_are_ranked_and_the_rest_is_another() -> None:
    """The commonest fifty levels have a bin each, in order; a level not among them is another, a gap is missing."""
    levels = np.repeat([f"v{number:03d}" for number in range(80)], np.arange(80, 0, -1) * 4)
    frame = pd.DataFrame({"x": np.random.default_rng(0).permutation(levels).astype(object)})
    contract = contract_of(frame)
    column = Profile.fit(to_table(frame, contract), contract.features).columns[0]

    new = column.count(to_table(pd.DataFrame({"x": ["v000", "nowhere", None, "v079"]}, dtype=object), contract)["x"])

    assert isinstance(column, CategoriesProfile)
    assert len(column.categories) == 50
    assert (new[column.categories.index("v000")], new[-2], new[-1]) == (1, 2, 1)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_hardly_any_rows_make_a_profile(rows: int) -> None:
    """One train row is enough for a profile, though not for a comparison."""
    frame = pd.DataFrame({"x": np.arange(float(rows)), "y": ["a"] * rows})
    contract = contract_of(frame)

    profile = Profile.fit(to_table(frame, contract), contract.features)

    assert [sum(column.counts) for column in profile.columns] == [rows // 2, rows // 2]


def test_a_profile_of_an_earlier_version_is_read() -> None:
    """There the categories were called levels."""
    old = {"kind": "levels", "name": "line", "levels": ["north"], "counts": [9, 0, 1], "missing_share": 0.1}

    (column,) = Profile.model_validate({"columns": [old]}).columns

    assert isinstance(column, CategoriesProfile)
    assert column.categories == ("north",)

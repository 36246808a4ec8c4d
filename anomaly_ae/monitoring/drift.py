"""Drift: whether the cells of new rows are distributed over a profile's bins as those of the train rows are.

Each column is tested twice, counts against counts, so that both sides are treated as samples: Pearson's chi-square on
bins merged until each expects five rows, and Fisher's exact test on bins too rare for that, such as a category that no
train row had. The smaller p-value is doubled, and the columns are corrected by Holm's method (Holm, "A simple
sequentially rejective multiple test procedure", 1979). A column has drifted if the corrected p-value is small and the
shift is large: with a million rows every difference is significant, and few matter.

The tests assume exchangeable rows. Where a row resembles the one before it (time series, repeated rows) they see more
evidence than there is.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import AliasChoices, Field
from scipy import stats

from anomaly_ae.monitoring.profile import ColumnProfile, Counts
from anomaly_ae.spec import Section

LEVEL = 0.001
"""Chance of a false finding over all columns together: rare enough to test every night."""
MIN_SHIFT = 0.1
"""Share of the rows that must have moved to other bins for a shift to matter."""
_MIN_EXPECTED = 5.0
"""Rows that a bin must expect for chi-square's approximation to hold."""
_MAX_CHANGES = 3

Floats: TypeAlias = NDArray[np.float64]


class BinShift(Section):
    """How common a group of values was among the train rows, and is among the new ones.

    Attributes:
        group: the values, such as "4 to 6", a category, or "missing".
        before: share of the train rows.
        after: share of the new rows.
    """

    group: str = Field(validation_alias=AliasChoices("group", "what"))  # its name in earlier versions
    before: float
    after: float


class ColumnDrift(Section):
    """A column's new cells against its profile.

    Attributes:
        column: its name.
        rows: new rows.
        shift: total variation distance, the share of the rows that would have to move to other bins; large by chance
            alone where rows are few.
        p_value: of both tests together.
        p_corrected: the same, corrected for the number of columns.
        has_drifted: whether the shift is significant and large.
        changes: the largest changes, largest first.
    """

    column: str
    rows: int
    shift: float
    p_value: float
    p_corrected: float
    has_drifted: bool
    changes: tuple[BinShift, ...]


def find_drift(profiles: Sequence[ColumnProfile], counts: Sequence[Counts]) -> tuple[ColumnDrift, ...]:
    """Compare new rows with their profile, the most shifted column first.

    Args:
        profiles: of the columns.
        counts: of new rows in each column's bins.
    """
    pairs = [(np.array(profile.counts), count) for profile, count in zip(profiles, counts, strict=True)]
    p_values = np.array([compare(before, after) for before, after in pairs])
    corrected = holm(p_values)
    found = [
        _describe(profile, after, float(p), float(p_corrected))
        for profile, (_, after), p, p_corrected in zip(profiles, pairs, p_values, corrected, strict=True)
    ]
    return tuple(sorted(found, key=lambda column: (not column.has_drifted, -column.shift, column.column)))


def compare(before: Counts, after: Counts) -> float:
    """Return the p-value of two rows of counts over the same bins; 1 where either is empty."""
    if before.sum() == 0 or after.sum() == 0:
        return 1.0
    table = np.stack([before, after])
    smaller = table.sum(axis=1).min() / table.sum()
    expected = table.sum(axis=0) * smaller
    return min(1.0, 2 * min(_chi_square(table, expected), _exact(table, expected)))


def holm(p_values: Floats) -> Floats:
    """Correct p-values for multiple testing, so that the chance of any false finding stays at the level."""
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return corrected


def _total_variation(before: Counts, after: Counts) -> float:
    """Return half the sum of the differences between shares; 0 where either side is empty."""
    if before.sum() == 0 or after.sum() == 0:
        return 0.0
    return float(np.abs(before / before.sum() - after / after.sum()).sum() / 2)


def _chi_square(table: Counts, expected: Floats) -> float:
    """Test the bins, merged with their neighbours until each expects enough rows."""
    group = _merge(expected)
    merged = np.stack([np.bincount(group, weights=row) for row in table])
    return float(stats.chi2_contingency(merged, correction=False).pvalue) if merged.shape[1] > 1 else 1.0


def _merge(expected: Floats) -> NDArray[np.int64]:
    """Return the number of each bin's group; bins left over at the end join the last group."""
    group, numbers, held = 0, [], 0.0
    for rows in expected:
        numbers.append(group)
        held += rows
        if held >= _MIN_EXPECTED:
            group, held = group + 1, 0.0
    last = max(group - 1, 0)
    return np.minimum(numbers, last)


def _exact(table: Counts, expected: Floats) -> float:
    """Test the joint share of all bins that are too rare for chi-square."""
    is_rare = expected < _MIN_EXPECTED
    rare, rest = table[:, is_rare].sum(axis=1), table[:, ~is_rare].sum(axis=1)
    if rare.sum() == 0 or rest.sum() == 0:
        return 1.0
    return float(stats.fisher_exact(np.stack([rare, rest])).pvalue)


def _describe(profile: ColumnProfile, after: Counts, p_value: float, p_corrected: float) -> ColumnDrift:
    before = np.array(profile.counts)
    shift = _total_variation(before, after)
    return ColumnDrift(
        column=profile.name,
        rows=int(after.sum()),
        shift=shift,
        p_value=p_value,
        p_corrected=p_corrected,
        has_drifted=p_corrected < LEVEL and shift >= MIN_SHIFT,
        changes=_changes(profile.groups, before, after),
    )


def _changes(groups: Sequence[str], before: Counts, after: Counts) -> tuple[BinShift, ...]:
    if before.sum() == 0 or after.sum() == 0:
        return ()
    names = list(dict.fromkeys(groups))
    number = [names.index(group) for group in groups]
    shares = [np.bincount(number, weights=counts / counts.sum()) for counts in (before, after)]
    order = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")[:_MAX_CHANGES]
    return tuple(
        BinShift(group=names[index], before=float(shares[0][index]), after=float(shares[1][index])) for index in order
    )

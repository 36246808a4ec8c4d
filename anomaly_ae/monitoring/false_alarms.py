"""False alarms: how many of so many normal rows may lie above the threshold before the promise is in doubt.

The threshold was cut from n validation scores so that k of n + 1 lie above it. The rate at which it flags other
normal rows is therefore itself uncertain, Beta(k, n + 1 - k), and the false alarms among m normal rows are
beta-binomial: that is the yardstick here, so a small validation split does not turn into a false verdict.
Source: Vovk, "Conditional validity of inductive conformal predictors", 2012.
"""

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Rates = NDArray[np.float64]

CONFIDENCE = 0.95
_GRID = 2000
"""Quantiles of the rate that stand for its whole distribution: scipy's betabinom would need memory for every row."""


def alarm_rates(above: int, n_validation: int) -> Rates:
    """Return what the false-alarm rate of a threshold may be: equally likely values, ascending.

    Args:
        above: validation scores above the threshold.
        n_validation: validation scores in all, at least 1.
    """
    rank = min(above + 1, n_validation)
    rates: Rates = stats.beta(rank, n_validation + 1 - rank).ppf((np.arange(_GRID) + 0.5) / _GRID)
    return rates


def expected_alarms(normals: int, rates: Rates) -> tuple[int, int]:
    """Return the range in which, with 95 % probability, the false alarms among so many normal rows fall."""
    outside = (1 - CONFIDENCE) / 2
    edges = (outside, 1 - outside)
    low, high = (
        bisect_left(range(normals + 1), edge, key=lambda alarms: _share_up_to(alarms, normals, rates)) for edge in edges
    )
    return low, high


def surprise(alarms: int, normals: int, rates: Rates) -> tuple[float, float]:
    """Return the probabilities of so few and of so many false alarms, or still fewer and more."""
    few, fewer = (_share_up_to(count, normals, rates) for count in (alarms, alarms - 1))
    return few, float(np.clip(1 - fewer, 0, 1))


def _share_up_to(alarms: int, normals: int, rates: Rates) -> float:
    return float(np.mean(stats.binom.cdf(alarms, normals, rates)))

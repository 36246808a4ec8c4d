"""False alarms: how many normal rows may lie above the threshold before the promise is in doubt.

The threshold was cut from n validation scores so that k of n + 1 lie above it. The rate at which it flags other normal
rows is therefore itself uncertain, Beta(k, n + 1 - k), and the number of false alarms among m normal rows is
beta-binomial. Measured against that, a small validation split does not cause a false verdict.
Source: Vovk, "Conditional validity of inductive conformal predictors", 2012.
"""

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Rates = NDArray[np.float64]

CONFIDENCE = 0.95
_GRID = 2000
"""Number of quantiles that represent the distribution of the rate; scipy's betabinom would need memory per row."""


def alarm_rates(above: int, n_validation: int) -> Rates:
    """Return equally likely values of a threshold's false-alarm rate, ascending, `(2000,)`.

    Args:
        above: validation scores above the threshold.
        n_validation: all validation scores, at least 1.
    """
    rank = min(above + 1, n_validation)
    rates: Rates = stats.beta(rank, n_validation + 1 - rank).ppf((np.arange(_GRID) + 0.5) / _GRID)
    return rates


def expected_alarms(normals: int, rates: Rates) -> tuple[int, int]:
    """Return the range that holds the number of false alarms among these normal rows with 95 % probability."""
    outside = (1 - CONFIDENCE) / 2
    edges = (outside, 1 - outside)
    low, high = (
        bisect_left(range(normals + 1), edge, key=lambda alarms: _share_up_to(alarms, normals, rates)) for edge in edges
    )
    return low, high


def surprise(alarms: int, normals: int, rates: Rates) -> tuple[float, float]:
    """Return the probabilities of at most, and of at least, this many false alarms."""
    few, fewer = (_share_up_to(count, normals, rates) for count in (alarms, alarms - 1))
    return few, float(np.clip(1 - fewer, 0, 1))


def _share_up_to(alarms: int, normals: int, rates: Rates) -> float:
    return float(np.mean(stats.binom.cdf(alarms, normals, rates)))

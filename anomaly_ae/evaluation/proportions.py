"""Wilson's confidence interval of a proportion, shown with every share that is printed.

It stays wide for few rows and never shrinks to a point at 0 or 1. Promises rest on an exact bound instead
(`threshold/conformal.py`), because an interval may miss the truth one time in twenty, and a promise must not.
Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
"""

import math
from typing import Self

from scipy.special import ndtri

from anomaly_ae.spec import Section

Interval = tuple[float, float]

CONFIDENCE = 0.95


def quantile(confidence: float) -> float:
    """Return the half-width of a two-sided normal interval, in standard deviations."""
    return float(ndtri((1 + confidence) / 2))


def wilson(share: float, rows: float, half_width: float = quantile(CONFIDENCE)) -> Interval:
    """Return Wilson's interval of a share.

    Args:
        share: between 0 and 1.
        rows: number of rows; an effective number need not be an integer.
        half_width: quantile of the error distribution, in standard deviations.
    """
    square = half_width**2 / rows
    centre = (share + square / 2) / (1 + square)
    margin = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    return max(0.0, centre - margin), min(1.0, centre + margin)


class Rate(Section):
    """A share of rows, with its 95% Wilson interval.

    Attributes:
        count: number of rows counted.
        rows: number of all rows.
        share: `count / rows`; None if there are no rows.
        low: lower end of the interval; None if there are no rows.
        high: upper end, likewise.
    """

    count: int
    rows: int
    share: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, count: int, rows: int) -> Self:
        """Return a share with its interval."""
        if rows == 0:
            return cls(count=count, rows=rows, share=None, low=None, high=None)
        low, high = wilson(count / rows, rows)
        return cls(count=count, rows=rows, share=count / rows, low=low, high=high)

"""How sure a share of counted rows is: Wilson's interval, which every share that is printed or shown comes with.

It stays wide where rows are few and never shrinks to a point at 0 or 1. A promise rests on an exact bound instead
(`threshold/conformal.py`): an interval may miss in one case of twenty, on either side, and a promise must not.
Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
"""

import math

from scipy.special import ndtri

Interval = tuple[float, float]

CONFIDENCE = 0.95


def quantile(confidence: float) -> float:
    """Return how many standard deviations an interval of normal errors reaches to either side."""
    return float(ndtri((1 + confidence) / 2))


def wilson(share: float, rows: float, reach: float = quantile(CONFIDENCE)) -> Interval:
    """Return Wilson's interval of a share.

    Args:
        share: between 0 and 1.
        rows: of how many; an effective number need not be whole.
        reach: quantile of the distribution of the error, in standard deviations.
    """
    square = reach**2 / rows
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)

"""Split-conformal cuts and p-values: what is known of a new row's rank among held-out rows of any distribution.

Among n scores of held-out rows and one new score, every rank of the new one is equally likely, as long as the rows are
exchangeable. Sources: Vovk, Gammerman and Shafer, "Algorithmic learning in a random world", 2005; Laxhammar and
Falkman, "Conformal prediction for distribution-independent anomaly detection", 2010; with a confidence instead of an
average: Vovk, "Conditional validity of inductive conformal predictors", 2012.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr, betaincinv

from anomaly_ae.threshold.sample import Floats


def cut(ranked: Floats, rate: float, confidence: float | None = None) -> float | None:
    """Return the smallest of these scores above which at most `rate` of new scores lie; None: there are too few scores.

    Args:
        ranked: ascending, `(n,)`.
        rate: tolerated share above the cut.
        confidence: share of draws of these scores for which the rate holds; None: it holds on average over draws.
    """
    rank = _rank(len(ranked), rate, confidence)
    return float(ranked[rank - 1]) if rank <= len(ranked) else None


def rows_needed(rate: float, confidence: float | None = None) -> int:
    """Return how many scores can promise a rate."""
    if confidence is None:
        return math.ceil(round(1 / rate, 9)) - 1
    return math.ceil(round(math.log1p(-confidence) / math.log1p(-rate), 9))


def smallest_rate(n: int, confidence: float | None = None) -> float:
    """Return the smallest rate that n scores can promise."""
    return 1 / (n + 1) if confidence is None else float(-np.expm1(np.log1p(-confidence) / n))


def p_values(scores: Floats, validation_scores: Floats) -> Floats:
    """Return `(1 + #{validation scores >= score}) / (n_validation + 1)` for each score.

    Args:
        scores: `(n,)`.
        validation_scores: `(n_validation,)`, ascending.
    """
    at_least = len(validation_scores) - np.searchsorted(validation_scores, scores, side="left")
    return (1 + at_least) / (len(validation_scores) + 1)


def severity(p_value: Floats, n_validation: ArrayLike) -> Floats:
    """Map p-values to 0 (p = 1) through 100 (the smallest possible p-value), evenly on a log scale."""
    severities: Floats = np.clip(-100 * np.log(p_value) / np.log(np.asarray(n_validation) + 1), 0.0, 100.0)
    return severities


def lower_bound(successes: ArrayLike, trials: int, confidence: float) -> Floats:
    """Return an exact lower confidence bound of each share. Source: Clopper and Pearson, 1934."""
    counted = np.asarray(successes, np.float64)
    at_least_one = np.maximum(counted, 1)
    return np.where(counted > 0, betaincinv(at_least_one, trials - at_least_one + 1, 1 - confidence), 0.0)


def upper_bound(successes: ArrayLike, trials: int, confidence: float) -> Floats:
    """Return an exact upper confidence bound of each share. Source: Clopper and Pearson, 1934."""
    return 1 - lower_bound(trials - np.asarray(successes, np.float64), trials, confidence)


def _rank(n: int, rate: float, confidence: float | None) -> int:
    """Return which of n ascending scores, from 1, is the cut; n + 1 where none is high enough."""
    if confidence is None:
        return max(1, math.ceil(round((n + 1) * (1 - rate), 9)))
    # The share of new scores above the rank-th of n is Beta(n + 1 - rank, rank), which is a binomial tail.
    above = np.searchsorted(bdtr(np.arange(n), n, rate), 1 - confidence, side="right") - 1
    return n - int(above)

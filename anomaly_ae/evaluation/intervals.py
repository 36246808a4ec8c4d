"""95 % intervals that stay wide where rows are few and never shrink to a point at 0 or 1.

All are Wilson's, for each of these numbers is a proportion or can be read as one:

- precision, recall, false-alarm rate: proportions of counted rows (Wilson, 1927);
- F1: a monotone function of F* = TP / (TP + FP + FN), which is one (Hand, Christen and Kirielle, "F*: an interpretable
  transformation of the F-measure", 2021);
- average precision: a proportion of the anomalies (Boyd, Eng and Page, "Area under the precision-recall curve: point
  estimates and confidence intervals", 2013); wider than need be where it is low;
- ROC AUC: a proportion of as many rows as give DeLong's variance (DeLong, DeLong and Clarke-Pearson, 1988), united with
  Newcombe's method 5 (2006), which holds where the two classes are separate and DeLong's variance is 0.

With few anomalies Student's quantile takes the place of the normal one. Time and memory are those of one sort.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from anomaly_ae.evaluation.proportions import CONFIDENCE, Interval, quantile, wilson

Floats: TypeAlias = NDArray[np.float64]

_NORMAL = quantile(CONFIDENCE)


def f1_interval(hits: int, wrong: int) -> Interval:
    """Return the interval of F1 from its true positives and its false ones, positive and negative together."""
    low, high = wilson(hits / (hits + wrong), hits + wrong)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def average_precision_interval(average_precision: float, anomalies: int) -> Interval:
    """Return the interval of an average precision at the base rate of the rows it was taken from."""
    return wilson(average_precision, anomalies, _student(anomalies))


def roc_auc_interval(anomalies: Floats, normals: Floats) -> Interval:
    """Return the interval of the ROC AUC from the scores of both classes, each `(n,)`."""
    low_rank, high_rank = _placements(anomalies, normals), 1 - _placements(normals, anomalies)
    auc = float(low_rank.mean())
    bounds = [_newcombe(auc, len(anomalies), len(normals))]
    fewer = min(len(anomalies), len(normals))
    variance = sum(float(ranks.var(ddof=1)) / len(ranks) for ranks in (low_rank, high_rank) if len(ranks) > 1)
    if fewer > 1 and variance > 0:
        bounds.append(wilson(auc, auc * (1 - auc) / variance, _student(fewer)))
    return min(low for low, _ in bounds), max(high for _, high in bounds)


def _student(rows: int) -> float:
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, max(rows - 1, 1)))


def _placements(scores: Floats, others: Floats) -> Floats:
    """Return for each score the share of the others that lie below it; one that is equal counts half."""
    ranked = np.sort(others)
    below, not_above = (np.searchsorted(ranked, scores, side) for side in ("left", "right"))
    placements: Floats = (below + not_above) / (2 * len(others))
    return placements


def _newcombe(auc: float, anomalies: int, normals: int) -> Interval:
    return _newcombe_low(auc, anomalies, normals), 1 - _newcombe_low(1 - auc, anomalies, normals)


def _newcombe_low(auc: float, anomalies: int, normals: int) -> float:
    """Return the smallest AUC whose own standard error still reaches the one that was seen."""
    others = (anomalies + normals) / 2 - 1

    def gap(true: float) -> float:
        spread = 1 + others * ((1 - true) / (2 - true) + true / (1 + true))
        return auc - true - _NORMAL * float(np.sqrt(true * (1 - true) * spread / (anomalies * normals)))

    nearest = min(auc, 1 - 1e-12)
    return float(optimize.brentq(gap, 0.0, nearest)) if nearest > 0 else 0.0

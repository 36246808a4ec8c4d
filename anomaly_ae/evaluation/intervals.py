"""95% confidence intervals that stay wide for few rows and never shrink to a point at 0 or 1.

All are Wilson intervals, because each of these metrics is a proportion or can be treated as one:

- precision, recall, false-alarm rate: proportions of counted rows (Wilson, 1927);
- F1: a monotone function of the proportion F* = TP / (TP + FP + FN) (Hand, Christen and Kirielle, "F*: an interpretable
  transformation of the F-measure", 2021);
- average precision: a proportion of the anomalies (Boyd, Eng and Page, "Area under the precision-recall curve: point
  estimates and confidence intervals", 2013); wider than necessary where it is low;
- ROC AUC: a proportion of the effective number of rows that gives DeLong's variance (DeLong, DeLong and Clarke-Pearson,
  1988), united with Newcombe's method 5 (2006), which holds for separated classes, where DeLong's variance is 0.

For average precision and ROC AUC, Student's quantile replaces the normal one. Each costs at most one sort.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from anomaly_ae.evaluation.proportions import CONFIDENCE, Interval, quantile, wilson

Floats: TypeAlias = NDArray[np.float64]

_NORMAL = quantile(CONFIDENCE)


def f1_interval(hits: int, wrong: int) -> Interval:
    """Return the interval of F1 from the true positives and the sum of false positives and false negatives."""
    low, high = wilson(hits / (hits + wrong), hits + wrong)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def average_precision_interval(average_precision: float, anomalies: int) -> Interval:
    """Return the interval of an average precision at the base rate of the rows it was computed on."""
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
    """Return the share of `others` below each score, counting ties as half, `(n,)`."""
    ranked = np.sort(others)
    below, not_above = (np.searchsorted(ranked, scores, side) for side in ("left", "right"))
    placements: Floats = (below + not_above) / (2 * len(others))
    return placements


def _newcombe(auc: float, anomalies: int, normals: int) -> Interval:
    return _newcombe_low(auc, anomalies, normals), 1 - _newcombe_low(1 - auc, anomalies, normals)


def _newcombe_low(auc: float, anomalies: int, normals: int) -> float:
    """Return the smallest true AUC whose interval still contains the observed one."""
    others = (anomalies + normals) / 2 - 1

    def gap(true: float) -> float:
        spread = 1 + others * ((1 - true) / (2 - true) + true / (1 + true))
        return auc - true - _NORMAL * float(np.sqrt(true * (1 - true) * spread / (anomalies * normals)))

    nearest = min(auc, 1 - 1e-12)
    return float(optimize.brentq(gap, 0.0, nearest)) if nearest > 0 else 0.0

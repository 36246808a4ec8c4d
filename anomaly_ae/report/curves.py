"""Precision-recall and ROC curves of labelled rows, thinned to the resolution of a chart."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from anomaly_ae.report.tally import Array, Group, Tally

POINTS = 500

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Curves:
    """Both curves, from the highest threshold to the lowest.

    Attributes:
        precision_recall: (recall, precision).
        roc: (false-alarm rate, recall).
        anomalies: rows labelled anomaly.
        normals: rows labelled normal.
    """

    precision_recall: Points
    roc: Points
    anomalies: int
    normals: int


def judged_rows(tally: Tally) -> Callable[[Group], bool]:
    """Return a filter for labelled rows that may be evaluated: the test split, or all rows if there are no splits."""
    has_splits = any(group.split for group in tally.groups)
    return lambda group: group.label is not None and (group.split == "test" or not has_splits)


def draw_curves(tally: Tally) -> Curves | None:
    """Return the curves of the rows that may be evaluated; None unless both classes occur."""
    judged = judged_rows(tally)
    anomalies = tally.counts(lambda group: judged(group) and group.label is True)
    normals = tally.counts(lambda group: judged(group) and group.label is False)
    if not (anomalies.total and normals.total):
        return None
    thresholds = np.unique(np.concatenate([anomalies.scores, normals.scores]))[::-1]
    true_alarms = _at_least(thresholds, anomalies.scores, anomalies.rows)
    false_alarms = _at_least(thresholds, normals.scores, normals.rows)
    recall, false_rate = true_alarms / anomalies.total, false_alarms / normals.total
    precision = true_alarms / (true_alarms + false_alarms)
    return Curves(
        precision_recall=_thin(recall, precision),
        roc=_thin(np.concatenate([[0.0], false_rate]), np.concatenate([[0.0], recall])),
        anomalies=anomalies.total,
        normals=normals.total,
    )


def _at_least(thresholds: Array, scores: Array, rows: Array) -> Array:
    """Return the number of rows that score at least each threshold, `(len(thresholds),)`."""
    from_the_top = np.concatenate([np.cumsum(rows[::-1])[::-1], [0]])
    counts: Array = from_the_top[np.searchsorted(scores, thresholds, side="left")]
    return counts


def _thin(x: Array, y: Array) -> Points:
    """Keep at most `POINTS` points, evenly spaced along the length of the curve, so that steep parts keep detail."""
    if len(x) > POINTS:
        length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
        kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], POINTS)).clip(0, len(x) - 1))
        x, y = x[kept], y[kept]
    return tuple(zip(np.round(x, 6).tolist(), np.round(y, 6).tolist(), strict=True))

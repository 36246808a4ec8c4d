"""scikit-learn's metrics of the frozen threshold and of the ranking on labelled rows, each with its interval."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn import metrics as sk

from anomaly_ae.evaluation.comparison import Comparison
from anomaly_ae.evaluation.intervals import (
    average_precision_interval,
    f1_interval,
    roc_auc_interval,
)
from anomaly_ae.evaluation.pixels import PixelMetrics
from anomaly_ae.evaluation.proportions import Interval, wilson
from anomaly_ae.spec import Section

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

NAMES = ("precision", "recall", "f1", "average_precision", "roc_auc", "false_alarm_rate")


class Confusion(Section):
    """The confusion matrix of the test rows."""

    tp: int
    fp: int
    fn: int
    tn: int


class SegmentAlarms(Section):
    """False alarms of one segment; `segment` is None for rows judged by the overall threshold."""

    segment: str | None
    normals: int
    false_alarms: int
    rate: float
    interval: Interval


class Metrics(Section):
    """Metrics on labelled rows; a metric is None where it is undefined, and `undefined` says why.

    Precision, F1 and average precision hold only for rows with the same share of anomalies.

    Attributes:
        intervals: 95% interval of each metric, None where it is undefined.
        warnings: what a reader must know before trusting the numbers.
        segments: false alarms by segment, if the threshold has segments.
        baselines: the model compared with baselines on the same rows.
        pixels: for pictures, how well the maps localise the masked pixels.
    """

    split: str
    rows: int
    anomalies: int
    normals: int
    threshold: float
    confusion: Confusion
    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None
    roc_auc: float | None
    false_alarm_rate: float | None
    undefined: dict[str, str]
    intervals: dict[str, Interval | None] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    segments: tuple[SegmentAlarms, ...] = ()
    baselines: Comparison | None = None
    pixels: PixelMetrics | None = None


def evaluate(
    label: Bools, score: Floats, threshold: float, split: str = "test", flagged: Bools | None = None
) -> Metrics:
    """Evaluate scores of labelled rows against a frozen threshold.

    Args:
        label: True for anomalies, `(n,)`.
        score: anomaly scores, `(n,)`.
        threshold: rows above it are flagged.
        split: name of the split the rows are from.
        flagged: True for flagged rows, `(n,)`, if segments have their own thresholds; default: those above `threshold`.
    """
    flagged = score > threshold if flagged is None else flagged
    undefined = _undefined(label, flagged)
    tn, fp, fn, tp = sk.confusion_matrix(label, flagged, labels=[False, True]).ravel().tolist()
    confusion = Confusion(tp=tp, fp=fp, fn=fn, tn=tn)
    metrics: dict[str, Callable[[], float]] = {
        "precision": lambda: sk.precision_score(label, flagged),
        "recall": lambda: sk.recall_score(label, flagged),
        "f1": lambda: sk.f1_score(label, flagged),
        "average_precision": lambda: sk.average_precision_score(label, score),
        "roc_auc": lambda: sk.roc_auc_score(label, score),
        "false_alarm_rate": lambda: fp / (fp + tn),
    }
    values = {name: None if name in undefined else float(metric()) for name, metric in metrics.items()}
    intervals = _intervals(label, score, confusion, values)
    return Metrics(
        split=split,
        rows=len(label),
        anomalies=tp + fn,
        normals=fp + tn,
        threshold=threshold,
        confusion=confusion,
        undefined=undefined,
        intervals=intervals,
        warnings=_warnings(values["roc_auc"], intervals["roc_auc"]),
        **values,
    )


def count_alarms(segment: NDArray[np.object_], label: Bools, flagged: Bools) -> tuple[SegmentAlarms, ...]:
    """Return the false alarms of each segment that has normal rows, highest rate first.

    Args:
        segment: name of each row's segment, or None, `(n,)`.
        label: True for anomalies, `(n,)`.
        flagged: True for alerts, `(n,)`.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import, and few thresholds have segments

    by_segment = pd.Series(flagged[~label]).groupby(pd.Series(segment[~label], dtype=object), dropna=False)
    segments = [
        SegmentAlarms(
            segment=None if pd.isna(name) else str(name),
            normals=len(group),
            false_alarms=int(group.sum()),
            rate=float(group.mean()),
            interval=wilson(float(group.mean()), len(group)),
        )
        for name, group in by_segment
    ]
    return tuple(sorted(segments, key=lambda alarms: (-alarms.rate, alarms.segment is None, alarms.segment)))


def _undefined(label: Bools, flagged: Bools) -> dict[str, str]:
    """Return the undefined metrics, each with the reason."""
    reasons: dict[str, str] = {}
    if label.all():
        reasons |= dict.fromkeys(("roc_auc", "false_alarm_rate", "average_precision"), "no normal row among them")
    if not label.any():
        reasons |= dict.fromkeys(("recall", "f1", "average_precision", "roc_auc"), "no anomaly among them")
    if not flagged.any():
        reasons["precision"] = "no row is above the threshold"
    return reasons


def _intervals(
    label: Bools, score: Floats, confusion: Confusion, values: dict[str, float | None]
) -> dict[str, Interval | None]:
    tp, fp, fn, tn = confusion.tp, confusion.fp, confusion.fn, confusion.tn
    bounds: dict[str, Callable[[float], Interval]] = {
        "precision": lambda share: wilson(share, tp + fp),
        "recall": lambda share: wilson(share, tp + fn),
        "f1": lambda _: f1_interval(tp, fp + fn),
        "average_precision": lambda value: average_precision_interval(value, tp + fn),
        "roc_auc": lambda _: roc_auc_interval(score[label], score[~label]),
        "false_alarm_rate": lambda share: wilson(share, fp + tn),
    }
    return {name: None if (value := values[name]) is None else bound(value) for name, bound in bounds.items()}


def _warnings(roc_auc: float | None, interval: Interval | None) -> tuple[str, ...]:
    if roc_auc is None or interval is None or interval[1] >= 0.5:
        return ()
    low, high = interval
    warning = (
        f"ROC AUC {roc_auc:.3f} (95% interval {low:.3f} to {high:.3f}) lies below .5: anomalies score lower than "
        "normal rows. Check whether the label values are swapped."
    )
    return (warning,)

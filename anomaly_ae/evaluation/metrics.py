"""How the frozen threshold and the ranking do on labelled rows, by scikit-learn's metrics, each with its interval."""

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
    """Counts of test rows: flagged or not, anomalous or not."""

    tp: int
    fp: int
    fn: int
    tn: int


class SegmentAlarms(Section):
    """False alarms of one segment; `segment` is None for rows that the threshold of all rows judged."""

    segment: str | None
    normals: int
    false_alarms: int
    rate: float
    interval: Interval


class Metrics(Section):
    """What was found among labelled rows; None where a number is undefined, and `undefined` says why.

    Precision, F1 and average precision hold for rows with as many anomalies among them as these.

    Attributes:
        intervals: 95 % interval of each number, None where it is undefined.
        warnings: what a reader must know before believing the numbers.
        segments: false alarms by segment, where the threshold has any.
        baselines: simple methods beside the model, on the same rows.
        pixels: of pictures, what their maps show of the masked pixels.
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
    """Judge scores of labelled rows against a frozen threshold.

    Args:
        label: True where a row is an anomaly, `(n,)`.
        score: anomaly scores, `(n,)`.
        threshold: rows above it are flagged.
        split: which rows these are, for the record.
        flagged: which rows were, `(n,)`, where segments have thresholds of their own; None: those above `threshold`.
    """
    flagged = score > threshold if flagged is None else flagged
    undefined = _undefined(label, flagged)
    tn, fp, fn, tp = sk.confusion_matrix(label, flagged, labels=[False, True]).ravel().tolist()
    confusion = Confusion(tp=tp, fp=fp, fn=fn, tn=tn)
    numbers: dict[str, Callable[[], float]] = {
        "precision": lambda: sk.precision_score(label, flagged),
        "recall": lambda: sk.recall_score(label, flagged),
        "f1": lambda: sk.f1_score(label, flagged),
        "average_precision": lambda: sk.average_precision_score(label, score),
        "roc_auc": lambda: sk.roc_auc_score(label, score),
        "false_alarm_rate": lambda: fp / (fp + tn),
    }
    values = {name: None if name in undefined else float(number()) for name, number in numbers.items()}
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
    """Return the false alarms of each segment that has normal rows, the most frequent alarms first.

    Args:
        segment: name of each row's segment, or None, `(n,)`.
        label: True where a row is an anomaly, `(n,)`.
        flagged: True where it raised an alert, `(n,)`.
    """
    import pandas as pd  # noqa: PLC0415 - slow to load, and few thresholds have segments

    by_segment = pd.Series(flagged[~label]).groupby(pd.Series(segment[~label], dtype=object), dropna=False)
    found = [
        SegmentAlarms(
            segment=None if pd.isna(name) else str(name),
            normals=len(group),
            false_alarms=int(group.sum()),
            rate=float(group.mean()),
            interval=wilson(float(group.mean()), len(group)),
        )
        for name, group in by_segment
    ]
    return tuple(sorted(found, key=lambda one: (-one.rate, one.segment is None, one.segment)))


def _undefined(label: Bools, flagged: Bools) -> dict[str, str]:
    """Say which metrics have no value, and why."""
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
        "normal rows. See whether the label's values are taken the wrong way round."
    )
    return (warning,)

"""Evaluation: how the frozen threshold and the ranking do on labelled test rows, by scikit-learn's metrics."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from anomaly_ae.spec import Section


class Confusion(Section):
    """Counts of test rows: flagged or not, anomalous or not."""

    tp: int
    fp: int
    fn: int
    tn: int


class Metrics(Section):
    """What was found among labelled rows; None where a number is undefined, and `undefined` says why."""

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


def evaluate(label: NDArray[np.bool_], score: NDArray[np.float64], threshold: float, split: str = "test") -> Metrics:
    """Judge scores of labelled rows against a frozen threshold.

    Args:
        label: True where a row is an anomaly, `(n,)`.
        score: anomaly scores, `(n,)`.
        threshold: rows above it are flagged.
        split: which rows these are, for the record.
    """
    flagged = score > threshold
    undefined = _undefined(label, flagged)
    tn, fp, fn, tp = sk.confusion_matrix(label, flagged, labels=[False, True]).ravel().tolist()
    numbers: dict[str, Callable[[], float]] = {
        "precision": lambda: sk.precision_score(label, flagged),
        "recall": lambda: sk.recall_score(label, flagged),
        "f1": lambda: sk.f1_score(label, flagged),
        "average_precision": lambda: sk.average_precision_score(label, score),
        "roc_auc": lambda: sk.roc_auc_score(label, score),
        "false_alarm_rate": lambda: fp / (fp + tn),
    }
    return Metrics(
        split=split,
        rows=len(label),
        anomalies=int(label.sum()),
        normals=int((~label).sum()),
        threshold=threshold,
        confusion=Confusion(tp=tp, fp=fp, fn=fn, tn=tn),
        undefined=undefined,
        **{name: None if name in undefined else float(number()) for name, number in numbers.items()},
    )


def _undefined(label: NDArray[np.bool_], flagged: NDArray[np.bool_]) -> dict[str, str]:
    """Say which metrics have no value, and why."""
    reasons: dict[str, str] = {}
    if label.all():
        reasons |= dict.fromkeys(("roc_auc", "false_alarm_rate", "average_precision"), "no normal row among them")
    if not label.any():
        reasons |= dict.fromkeys(("recall", "f1", "average_precision", "roc_auc"), "no anomaly among them")
    if not flagged.any():
        reasons["precision"] = "no row is above the threshold"
    return reasons

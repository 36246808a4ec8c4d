"""What every rule is: scores and its section of the spec in, a cut with its promise out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from anomaly_ae.spec.threshold import ThresholdRule
from anomaly_ae.threshold.sample import Sample

Section = TypeVar("Section", bound=ThresholdRule)


@dataclass(frozen=True)
class Cut:
    """A threshold and what it promises.

    Attributes:
        threshold: `is_anomaly = anomaly_score > threshold`.
        promise: in one plain sentence.
        target_fpr: share of normal rows that may lie above it; None where the rule promises none.
    """

    threshold: float
    promise: str
    target_fpr: float | None = None


@dataclass(frozen=True)
class Rule(Generic[Section]):
    """One way to find a threshold.

    Attributes:
        cut: scores and the rule's settings in, a cut out; raises CalibrationError where the promise cannot be made.
        needs_anomalies: it cannot do without labelled anomalies.
        takes_reviewed: it may do with rows of which only alerts have a label.
    """

    cut: Callable[[Sample, Section], Cut]
    needs_anomalies: bool = False
    takes_reviewed: bool = False

"""The verdict: how many alerts there are, against how many the threshold's promise allows.

The yardstick is that of `false_alarms.py`, which knows how uncertain a threshold from few validation rows is.
"""

from dataclasses import dataclass
from typing import Literal

from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.evaluation.proportions import wilson
from anomaly_ae.monitoring.false_alarms import alarm_rates, expected_alarms
from anomaly_ae.monitoring.validity import Validity
from anomaly_ae.report.tally import Tally
from anomaly_ae.report.wording import count, interval, percent, rows
from anomaly_ae.threshold import Calibration


@dataclass(frozen=True)
class Rate:
    """A count out of rows, with its 95 % Wilson interval; no share and no interval where there are no rows."""

    count: int
    rows: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Verdict:
    """What the reader should know first.

    Attributes:
        tone: calm (as promised), attention (look now), silent (nothing to judge).
        headline: the finding, in a few words.
        meaning: the finding, in one plain sentence.
        alerts: alerts among all rows scored.
        unseen: alerts among rows the model was not made from; None where those are all rows.
        false_alarms: alerts among rows labelled normal; None without labels.
        allowed: range that holds, with 95 % probability, the alerts among the judged rows if all are normal and the
            promise is kept.
        limit: share of normal rows that is promised, or else expected, to lie above the threshold.
        promise: what the threshold promises, in words.
        is_promised: whether that is a share of normal rows.
    """

    tone: Literal["calm", "attention", "silent"]
    headline: str
    meaning: str
    alerts: Rate
    unseen: Rate | None
    false_alarms: Rate | None
    allowed: tuple[int, int]
    limit: float
    promise: str
    is_promised: bool


def measure_rate(hits: int, total: int) -> Rate:
    """Return a share with its Wilson interval."""
    if total == 0:
        return Rate(hits, total, None, None, None)
    return Rate(hits, total, hits / total, *wilson(hits / total, total))


def judge(
    tally: Tally,
    calibration: Calibration,
    metrics: Metrics | None,
    rows_rejected: int,
    validity: Validity | None = None,
) -> Verdict:
    """Judge the alerts: by the rows labelled normal where there are some, else by all rows not seen in training."""
    alerts = measure_rate(tally.total(lambda group: group.is_anomaly), tally.total())
    unseen = measure_rate(
        tally.total(lambda group: group.is_unseen and group.is_anomaly), tally.total(lambda group: group.is_unseen)
    )
    false_alarms = measure_rate(metrics.confusion.fp, metrics.normals) if metrics and metrics.normals else None
    judged = false_alarms or unseen
    rates = alarm_rates(_validation_alarms(calibration, validity), calibration.n_validation)
    allowed = expected_alarms(judged.rows, rates) if judged.rows else (0, 0)
    if alerts.rows == 0:
        words = _silent(rows_rejected)
    elif metrics and false_alarms:
        words = _by_labels(metrics, false_alarms, allowed, calibration)
    else:
        words = _by_alerts(judged, allowed)
    return Verdict(
        *words,
        alerts=alerts,
        unseen=unseen if unseen.rows != alerts.rows else None,
        false_alarms=false_alarms,
        allowed=allowed,
        limit=calibration.expected_fpr,
        promise=calibration.promise,
        is_promised=calibration.target_fpr is not None,
    )


def _validation_alarms(calibration: Calibration, validity: Validity | None) -> int:
    """Return how many validation rows are flagged: with segments, as the check of the threshold counted them."""
    if calibration.by is None or validity is None or validity.alerts is None:
        return calibration.n_above
    return max(0, round(validity.alerts.expected_rate * (calibration.n_validation + 1)) - 1)


Words = tuple[Literal["calm", "attention", "silent"], str, str]


def _silent(rows_rejected: int) -> Words:
    if rows_rejected:
        meaning = f"All {rows(rows_rejected)} of the source were rejected before scoring; row accounting says why."
        return "attention", "No row could be scored", meaning
    return "silent", "There was nothing to score", "The source holds no rows."


def _by_labels(metrics: Metrics, false_alarms: Rate, allowed: tuple[int, int], calibration: Calibration) -> Words:
    limit = calibration.expected_fpr
    promised = "at most {} is promised" if calibration.target_fpr is not None else "some {} is to be expected"
    bounds = f"95% interval {interval(false_alarms.low, false_alarms.high)}"
    seen = (
        f"Of {rows(false_alarms.rows)} labelled normal, {count(false_alarms.count)} raised a false alarm: "
        f"{percent(false_alarms.share)} ({bounds}), where {promised.format(percent(limit))}."
    )
    found = measure_rate(metrics.confusion.tp, metrics.anomalies)
    if found.rows:
        seen += f" Of {count(found.rows)} labelled anomalies, {count(found.count)} were found."
    if false_alarms.count > allowed[1]:
        return (
            "attention",
            f"More false alarms than {'promised' if calibration.target_fpr is not None else 'expected'}",
            f"{seen} Chance alone rarely exceeds {count(allowed[1])}.",
        )
    if found.low is not None and found.low <= limit:
        return "attention", "Anomalies pass unseen", f"{seen} Normal rows may be flagged as often as that."
    return "calm", f"False alarms are as {'promised' if calibration.target_fpr is not None else 'expected'}", seen


def _by_alerts(judged: Rate, allowed: tuple[int, int]) -> Words:
    if judged.rows == 0:
        meaning = "Every row scored was used to make the model, so the promise cannot be checked on them."
        return "silent", "Only rows the model was made from", meaning
    there_are = f"{'is' if judged.count == 1 else 'are'} {count(judged.count)} alert{'' if judged.count == 1 else 's'}"
    compared = f"If all {rows(judged.rows)} new to the model were normal, {_usual(allowed)}; there {there_are}"
    if judged.count > allowed[1]:
        cause = "The surplus is real anomalies, or data that have moved away from what the model learned."
        return "attention", "More alerts than false alarms explain", f"{compared}. {cause}"
    if judged.count < allowed[0]:
        cause = "So few are rarely luck: look whether the data still are what the threshold was set on."
        return "attention", "Fewer alerts than normal rows give", f"{compared}. {cause}"
    if judged.count == 0:
        return "calm", "No alerts", f"None of {rows(judged.rows)} new to the model scored above the threshold."
    advice = "so any one of them may be false. Begin with the highest scores."
    return "calm", "No more alerts than false alarms explain", f"{compared}, {advice}"


def _usual(allowed: tuple[int, int]) -> str:
    low, high = allowed
    if high == 0:
        return "no false alarm would be usual"
    return f"{count(low)} to {count(high)} false alarms would be usual"

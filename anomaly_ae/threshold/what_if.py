"""What other thresholds would do: alerts, false alarms and, with labels, precision and recall of a few thresholds.

Each 95 % interval holds for its row of the table alone: it says how sure that threshold's numbers are, and does not
allow for picking the row that looks best.
"""

import pyarrow as pa

from anomaly_ae.evaluation.proportions import CONFIDENCE, Interval, quantile, wilson
from anomaly_ae.spec import Section
from anomaly_ae.threshold.conformal import cut
from anomaly_ae.threshold.sample import Floats, Sample

RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""False-alarm rates that the thresholds of the table promise."""


class WhatIfRow(Section):
    """What one threshold, the same for all rows, is expected to do.

    Attributes:
        threshold: cut on the anomaly score.
        in_force: whether it is the threshold of the calibration.
        flagged_share: expected share of rows above it; without labelled anomalies, the share of normal rows.
        alerts_per_1000: the same per 1,000 rows.
        alerts_per_day: the same per day; None where the number of rows per day is unknown.
        false_alarm_rate: share of the normal rows above it.
        false_alarm_interval: 95 % interval of that share.
        recall: share of the labelled anomalies above it; None without any.
        recall_interval: likewise.
        precision: share of anomalies among the rows above it, at the base rate; None where none is above.
        precision_interval: at least 95 %, from the intervals of recall and false-alarm rate.
    """

    threshold: float
    in_force: bool
    flagged_share: float
    alerts_per_1000: float
    alerts_per_day: float | None
    false_alarm_rate: float
    false_alarm_interval: tuple[float, float]
    recall: float | None = None
    recall_interval: tuple[float, float] | None = None
    precision: float | None = None
    precision_interval: tuple[float, float] | None = None


def what_if(
    rows: pa.Table,
    in_force: float,
    *,
    base_rate: float | None = None,
    rows_per_day: float | None = None,
) -> tuple[WhatIfRow, ...]:
    """Estimate what each of a few thresholds would do, the highest first.

    Args:
        rows: that training never saw, with `anomaly_score` and perhaps `label`, as `calibrate` takes them.
        in_force: the threshold of the calibration; it is always in the table.
        base_rate: share of anomalies among the rows to come; None takes the share among these rows.
        rows_per_day: None where unknown.

    Raises:
        CalibrationError: there is no normal row, or a score is not finite.
    """
    sample = Sample.of(rows)
    rate = sample.base_rate(base_rate)
    thresholds = sorted({in_force, *round_cuts(sample.normal)}, reverse=True)
    return tuple(_row(sample, threshold, threshold == in_force, rate, rows_per_day) for threshold in thresholds)


def round_cuts(normal: Floats) -> set[float]:
    """Return the thresholds that promise the rates of the table, as far as there are enough normal scores.

    Args:
        normal: of rows that training never saw, ascending, `(n,)`.
    """
    return {threshold for rate in RATES if (threshold := cut(normal, rate)) is not None}


def _row(sample: Sample, threshold: float, in_force: bool, base_rate: float, rows_per_day: float | None) -> WhatIfRow:
    false_alarms = int(sample.normals_above(threshold)), len(sample.normal)
    found = int(sample.anomalies_above(threshold)), len(sample.anomalous)
    false_alarm_rate = false_alarms[0] / false_alarms[1]
    recall = found[0] / found[1] if found[1] else None
    flagged = false_alarm_rate if recall is None else base_rate * recall + (1 - base_rate) * false_alarm_rate
    return WhatIfRow(
        threshold=threshold,
        in_force=in_force,
        flagged_share=flagged,
        alerts_per_1000=1000 * flagged,
        alerts_per_day=None if rows_per_day is None else rows_per_day * flagged,
        false_alarm_rate=false_alarm_rate,
        false_alarm_interval=_interval(*false_alarms),
        recall=recall,
        recall_interval=_interval(*found) if found[1] else None,
        precision=None if recall is None or not flagged else base_rate * recall / flagged,
        precision_interval=_precision_interval(found, false_alarms, base_rate) if recall is not None else None,
    )


def _interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    return wilson(successes / trials, trials, quantile(confidence))


def _precision_interval(found: tuple[int, int], false_alarms: tuple[int, int], base_rate: float) -> Interval:
    """Return precision at the worst and best ends of two intervals that hold jointly with 95 % confidence."""
    each = (1 + CONFIDENCE) / 2
    recall, rate = _interval(*found, each), _interval(*false_alarms, each)
    return _precision(recall[0], rate[1], base_rate), _precision(recall[1], rate[0], base_rate)


def _precision(recall: float, false_alarm_rate: float, base_rate: float) -> float:
    real = base_rate * recall
    return real / (real + (1 - base_rate) * false_alarm_rate)

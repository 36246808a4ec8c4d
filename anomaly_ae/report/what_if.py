"""What other thresholds do to the rows of this table: alerts, false-alarm rate and, with labels, precision and recall.

`threshold/what_if.py` says what they would do to rows to come; its thresholds are the ones that the table names here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from anomaly_ae.report.curves import judged_rows
from anomaly_ae.report.tally import Array, Counts, Tally
from anomaly_ae.report.verdict import Rate, measure_rate
from anomaly_ae.threshold.what_if import round_cuts

_STEPS = 240


@dataclass(frozen=True)
class Outcome:
    """What one threshold does.

    Attributes:
        threshold: the cut.
        alerts: rows of this table above it.
        false_alarm_rate: of the validation rows, all of them normal; None where they are not known.
        precision: of the labelled rows that may be judged; None without labels.
        recall: of the same.
        in_force: whether this is the threshold in force.
    """

    threshold: float
    alerts: int
    false_alarm_rate: Rate | None
    precision: Rate | None
    recall: Rate | None
    in_force: bool = False


@dataclass(frozen=True)
class _Rows:
    """Scores of the rows that thresholds are tried on; labelled ones only as far as they may be judged."""

    all: Counts
    anomalies: Counts
    normals: Counts
    validation: Array | None


@dataclass(frozen=True)
class ThresholdSweep:
    """Outcomes of many thresholds, ascending, and the few of them that a table names.

    Attributes:
        rows: of this table.
        rows_per_day: that the source brings; None where it is not known.
        validation: rows that false-alarm rates are measured on; None where they are not known.
        has_labels: whether precision and recall are known.
        has_segments: whether segments have thresholds of their own.
    """

    rows: int
    rows_per_day: float | None
    validation: int | None
    has_labels: bool
    has_segments: bool
    outcomes: tuple[Outcome, ...]
    named: tuple[Outcome, ...]


def try_thresholds(
    tally: Tally,
    validation: Array | None,
    threshold: float,
    *,
    has_segments: bool = False,
    rows_per_day: float | None = None,
) -> ThresholdSweep | None:
    """Try thresholds over the whole upper tail of the scores; None where no row was scored.

    Args:
        tally: counts of the scored rows.
        validation: scores of the validation rows, ascending; None where they are not known.
        threshold: the one in force, of all rows that have none of their own.
        has_segments: whether some rows have; what is in force is then counted, and the others stand for all rows.
        rows_per_day: that the source brings, where known.
    """
    everything = tally.counts()
    if not everything.total:
        return None
    judged = judged_rows(tally)
    rows = _Rows(
        all=everything,
        anomalies=tally.counts(lambda group: judged(group) and group.label is True),
        normals=tally.counts(lambda group: judged(group) and group.label is False),
        validation=validation,
    )
    in_force = _in_force(_try_one(rows, threshold), tally, has_segments=has_segments)

    def outcomes(cuts: Iterable[float]) -> tuple[Outcome, ...]:
        others = [_try_one(rows, one) for one in cuts if one != threshold]
        return tuple(sorted([*others, in_force], key=lambda outcome: outcome.threshold))

    return ThresholdSweep(
        rows=everything.total,
        rows_per_day=rows_per_day,
        validation=None if validation is None else len(validation),
        has_labels=rows.anomalies.total > 0,
        has_segments=has_segments,
        outcomes=outcomes(_candidates(rows)),
        named=outcomes(set() if validation is None else round_cuts(validation)),
    )


def _try_one(rows: _Rows, threshold: float) -> Outcome:
    """Return what one threshold does."""
    hits, false_alarms, validation = _above(rows.anomalies, threshold), _above(rows.normals, threshold), rows.validation
    return Outcome(
        threshold=threshold,
        alerts=_above(rows.all, threshold),
        false_alarm_rate=None if validation is None else measure_rate(_beyond(validation, threshold), len(validation)),
        precision=measure_rate(hits, hits + false_alarms) if rows.anomalies.total else None,
        recall=measure_rate(hits, rows.anomalies.total) if rows.anomalies.total else None,
    )


def _in_force(outcome: Outcome, tally: Tally, *, has_segments: bool) -> Outcome:
    """Count what was flagged, which rounded scores and thresholds of segments would blur."""
    judged = judged_rows(tally)
    flagged = tally.total(lambda group: group.is_anomaly)
    told = tally.total(lambda group: group.is_anomaly and judged(group))
    hits = tally.total(lambda group: group.is_anomaly and judged(group) and group.label is True)
    return replace(
        outcome,
        alerts=flagged,
        false_alarm_rate=None if has_segments else outcome.false_alarm_rate,
        precision=outcome.precision and measure_rate(hits, told),
        recall=outcome.recall and measure_rate(hits, outcome.recall.rows),
        in_force=True,
    )


def _tail(rows: int) -> Array:
    """Return places in ascending order of scores: close together at the top, sparser towards the median."""
    from_the_top: Array = np.unique(np.geomspace(1, max(1, rows // 2), _STEPS).astype(np.int64))
    return rows - from_the_top


def _candidates(rows: _Rows) -> list[float]:
    """Return scores of the table itself and of the validation rows, from the median up."""
    cumulative = np.cumsum(rows.all.rows)
    places = np.searchsorted(cumulative, _tail(rows.all.total), side="right").clip(0, len(rows.all.scores) - 1)
    known: Array | list[float] = [] if rows.validation is None else rows.validation[_tail(len(rows.validation))]
    cuts = np.unique([*rows.all.scores[places], *known])
    kept: list[float] = cuts[np.unique(np.linspace(0, len(cuts) - 1, _STEPS).astype(np.int64))].tolist()
    return kept


def _above(counts: Counts, threshold: float) -> int:
    return int(counts.rows[np.searchsorted(counts.scores, threshold, side="right") :].sum())


def _beyond(ascending: Array, threshold: float) -> int:
    return len(ascending) - int(np.searchsorted(ascending, threshold, side="right"))

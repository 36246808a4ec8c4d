"""The effect of other thresholds on this table: alerts, false-alarm rate and, with labels, precision and recall.

`threshold/what_if.py` estimates their effect on future rows; its thresholds are the ones listed in the table here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from anomaly_ae.evaluation.proportions import Rate
from anomaly_ae.report.curves import judged_rows
from anomaly_ae.report.tally import Array, Counts, Tally
from anomaly_ae.threshold.what_if import round_cuts

_STEPS = 240


@dataclass(frozen=True)
class Outcome:
    """The effect of one threshold.

    Attributes:
        threshold: cut on the anomaly score.
        alerts: rows of this table above it.
        false_alarm_rate: share of the normal validation rows above it; None if their scores are unknown.
        precision: on the labelled rows that may be evaluated; None without labels.
        recall: on the same rows.
        in_force: whether this is the threshold in force.
    """

    threshold: float
    alerts: int
    false_alarm_rate: Rate | None
    precision: Rate | None
    recall: Rate | None
    in_force: bool = False


@dataclass(frozen=True)
class _TriedRows:
    """Scores of the rows on which thresholds are tried; labelled rows only if they may be evaluated."""

    all: Counts
    anomalies: Counts
    normals: Counts
    validation: Array | None


@dataclass(frozen=True)
class ThresholdSweep:
    """The outcomes of many thresholds, ascending.

    Attributes:
        rows: number of rows of this table.
        rows_per_day: rows the source delivers per day; None if unknown.
        validation: number of rows on which false-alarm rates are measured; None if their scores are unknown.
        has_labels: whether precision and recall are known.
        has_segments: whether segments have their own thresholds.
        outcomes: all of them, for the slider.
        named: those listed in the table.
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
    """Try thresholds over the upper half of the scores; return None if no row was scored.

    Args:
        tally: counts of the scored rows.
        validation: scores of the validation rows, ascending; None if unknown.
        threshold: the one in force, for all rows without their own.
        has_segments: whether some rows have their own threshold; every other threshold tried applies to all rows.
        rows_per_day: rows the source delivers per day, if known.
    """
    everything = tally.counts()
    if not everything.total:
        return None
    judged = judged_rows(tally)
    rows = _TriedRows(
        all=everything,
        anomalies=tally.counts(lambda group: judged(group) and group.label is True),
        normals=tally.counts(lambda group: judged(group) and group.label is False),
        validation=validation,
    )
    in_force = _in_force(_try_one(rows, threshold), tally, has_segments=has_segments)

    def outcomes(cuts: Iterable[float]) -> tuple[Outcome, ...]:
        others = [_try_one(rows, cut) for cut in cuts if cut != threshold]
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


def _try_one(rows: _TriedRows, threshold: float) -> Outcome:
    """Return the outcome of one threshold."""
    hits, false_alarms, validation = _above(rows.anomalies, threshold), _above(rows.normals, threshold), rows.validation
    return Outcome(
        threshold=threshold,
        alerts=_above(rows.all, threshold),
        false_alarm_rate=None if validation is None else Rate.of(_beyond(validation, threshold), len(validation)),
        precision=Rate.of(hits, hits + false_alarms) if rows.anomalies.total else None,
        recall=Rate.of(hits, rows.anomalies.total) if rows.anomalies.total else None,
    )


def _in_force(outcome: Outcome, tally: Tally, *, has_segments: bool) -> Outcome:
    """Count the rows that were flagged, instead of comparing rounded scores with a single threshold."""
    judged = judged_rows(tally)
    flagged = tally.total(lambda group: group.is_anomaly)
    labelled = tally.total(lambda group: group.is_anomaly and judged(group))
    hits = tally.total(lambda group: group.is_anomaly and judged(group) and group.label is True)
    return replace(
        outcome,
        alerts=flagged,
        false_alarm_rate=None if has_segments else outcome.false_alarm_rate,
        precision=outcome.precision and Rate.of(hits, labelled),
        recall=outcome.recall and Rate.of(hits, outcome.recall.rows),
        in_force=True,
    )


def _tail(rows: int) -> Array:
    """Return indices into ascending scores: dense at the top, sparser towards the median."""
    from_the_top: Array = np.unique(np.geomspace(1, max(1, rows // 2), _STEPS).astype(np.int64))
    return rows - from_the_top


def _candidates(rows: _TriedRows) -> list[float]:
    """Return scores of the table and of the validation rows, from the median up."""
    cumulative = np.cumsum(rows.all.rows)
    indices = np.searchsorted(cumulative, _tail(rows.all.total), side="right").clip(0, len(rows.all.scores) - 1)
    known: Array | list[float] = [] if rows.validation is None else rows.validation[_tail(len(rows.validation))]
    cuts = np.unique([*rows.all.scores[indices], *known])
    kept: list[float] = cuts[np.unique(np.linspace(0, len(cuts) - 1, _STEPS).astype(np.int64))].tolist()
    return kept


def _above(counts: Counts, threshold: float) -> int:
    return int(counts.rows[np.searchsorted(counts.scores, threshold, side="right") :].sum())


def _beyond(ascending: Array, threshold: float) -> int:
    return len(ascending) - int(np.searchsorted(ascending, threshold, side="right"))

"""Validity: whether the threshold can still be trusted on the rows that were just scored.

Three questions about rows that neither weights nor threshold were made from, each tested at the level .001, so that
undrifted rows, judged every night, give about one false verdict a year: do as many lie above the threshold as normal
rows should (beta-binomial, with the calibration's own uncertainty); are their scores distributed as the validation
scores are (Kolmogorov-Smirnov); are their cells distributed as those of the train rows (`drift.py`)?

Without labels, a surplus of alerts may be real anomalies or an outdated threshold. It is taken for anomalies as long as
they are few and the scores below the threshold are distributed as before. All three tests assume exchangeable rows:
rows in time order, or in bursts of the same row, carry less evidence than their number, and drift is then found too
easily.

Nothing else judges the alert rate: the report, its headline included, reads a `Validity`.
"""

from typing import Literal

from anomaly_ae.monitoring.alerts import FEW, AlertCheck, AlertCounts, chance_with_anomalies
from anomaly_ae.monitoring.drift import ColumnDrift
from anomaly_ae.monitoring.false_alarms import Rates
from anomaly_ae.monitoring.scores import ScoreCheck
from anomaly_ae.spec import Section

MIN_ROWS = 50
"""With fewer rows a threshold that holds cannot be told from one that is somewhat off."""
_EARLY_LEVEL = 1e-6
"""With fewer rows than that, and no labels, chance and a few anomalies must be this unlikely to explain the alerts:
a small batch is often one that somebody picked."""

VerdictName = Literal["fine", "drifting", "invalid", "unknown"]
FindingName = Literal[
    "nothing_scored",
    "nothing_judged",
    "too_many",
    "surplus",
    "likely_anomalies",
    "missed_anomalies",
    "too_few_rows",
    "far_fewer",
    "unusual",
    "as_expected",
]


class Validity(Section):
    """Whether the threshold can still be trusted; `validity.json` of a scored table.

    Attributes:
        verdict: fine; drifting: inputs or scores moved, but the alert rate still fits; invalid: it no longer does;
            unknown: too few rows to tell.
        meaning: the same in plain sentences.
        rows: judged rows, those the model was not made from and that are not labelled anomalies.
        are_normal: whether all of them are labelled normal; else real anomalies may be among them.
        counts: alerts among rows of each kind; None in a file of an earlier version.
        alerts: the alerts among the judged rows, against what normal rows give; None if there is no such row.
        scores: how their scores are distributed; None if there are too few rows.
        below: how those are that are not above the threshold; None if there are too few.
        columns: how their cells are distributed, the most shifted column first.
        inputs_not_checked: why `columns` is empty, or None.
    """

    verdict: VerdictName
    meaning: str
    rows: int
    are_normal: bool
    counts: AlertCounts | None = None
    alerts: AlertCheck | None = None
    scores: ScoreCheck | None = None
    below: ScoreCheck | None = None
    columns: tuple[ColumnDrift, ...] = ()
    inputs_not_checked: str | None = None

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """The columns that have drifted."""
        return tuple(column for column in self.columns if column.has_drifted)

    @property
    def finding(self) -> FindingName:
        """What is to be said first of the alert rate; it never contradicts the verdict.

        nothing_scored, nothing_judged: there is no row, or none that the model was not made from;
        too_many: the threshold is invalid; surplus: more alerts than chance explains, for a reason that is not known;
        likely_anomalies: the same, and all else is as before; missed_anomalies: labelled anomalies are flagged no more
        often than normal rows; too_few_rows: the verdict is unknown; far_fewer: less than half of what was expected;
        unusual: outside the usual range, within chance; as_expected: the rest.
        """
        if self.alerts is None:
            return "nothing_scored" if self.counts and not self.counts.scored.rows else "nothing_judged"
        if self.verdict == "invalid":
            return "too_many"
        if self.alerts.is_more:
            return "likely_anomalies" if self.verdict == "fine" else "surplus"
        return self._without_surplus(self.alerts)

    def _without_surplus(self, alerts: AlertCheck) -> FindingName:
        found = self.counts.anomalous.low if self.counts else None
        if found is not None and found <= alerts.expected_rate:
            return "missed_anomalies"
        if self.verdict == "unknown":
            return "too_few_rows"
        if alerts.is_far_fewer:
            return "far_fewer"
        return "unusual" if alerts.is_unusual else "as_expected"


def judge(
    counts: AlertCounts,
    rates: Rates,
    *,
    scores: ScoreCheck | None = None,
    below: ScoreCheck | None = None,
    columns: tuple[ColumnDrift, ...] = (),
    inputs_not_checked: str | None = None,
) -> Validity:
    """Reach a verdict from the three comparisons.

    Args:
        counts: alerts among rows of each kind.
        rates: possible false-alarm rates of the calibration (`alarm_rates`).
        scores: the judged rows' scores against the validation scores.
        below: the same, without those above the threshold.
        columns: the judged rows' cells against those of the train rows.
        inputs_not_checked: why `columns` is empty.
    """
    judged, are_normal = counts.judged, counts.are_normal
    alerts = AlertCheck.of(judged, rates)
    changes = _changes(alerts, scores, columns, are_normal=are_normal) if alerts else []
    if alerts and alerts.is_many_more and not _is_explained(counts, alerts, below, rates):
        verdict, meaning = _invalid(changes)
    elif alerts is None or judged.rows < MIN_ROWS:
        return _unknown(counts, alerts, inputs_not_checked)
    elif changes:
        verdict, meaning = _drifting(changes)
    else:
        verdict, meaning = "fine", _fine(alerts)
    return Validity(
        verdict=verdict,
        meaning=f"{_found(alerts, judged.rows, are_normal=are_normal)} {meaning}",
        rows=judged.rows,
        are_normal=are_normal,
        counts=counts,
        alerts=alerts,
        scores=scores,
        below=below,
        columns=columns,
        inputs_not_checked=inputs_not_checked,
    )


def _is_explained(counts: AlertCounts, alerts: AlertCheck, below: ScoreCheck | None, rates: Rates) -> bool:
    """Say whether a surplus may be real anomalies: nobody labelled the rows, and few anomalies would suffice."""
    if counts.are_normal:
        return False
    if counts.judged.rows < MIN_ROWS:
        return chance_with_anomalies(counts.judged, rates) >= _EARLY_LEVEL
    return not (below and below.has_moved) and alerts.low <= alerts.expected_rate + FEW


_CAUTION = "If neighbouring rows resemble each other, as in time series, this is less certain than it looks."


def _invalid(changes: list[str]) -> tuple[VerdictName, str]:
    also = f" Also, {'; '.join(changes)}." if changes else ""
    return "invalid", f"Neither chance nor a few anomalies explain that: recalibrate or retrain.{also} {_CAUTION}"


def _drifting(changes: list[str]) -> tuple[VerdictName, str]:
    return "drifting", f"But {'; '.join(changes)}. Find out what changed before the threshold fails. {_CAUTION}"


def _fine(alerts: AlertCheck) -> str:
    if alerts.is_more:
        return (
            "The surplus looks like real anomalies, because the scores below the threshold are distributed as before; "
            "only labels or a review of the alerts can tell."
        )
    if alerts.is_unusual:
        return "That is unusual but within chance, and no evidence against the threshold."
    return "There is no evidence against the threshold."


def _unknown(counts: AlertCounts, alerts: AlertCheck | None, inputs_not_checked: str | None) -> Validity:
    rows = counts.judged.rows
    there_are = "No row is" if rows == 0 else "Only 1 row is" if rows == 1 else f"Only {rows} rows are"
    return Validity(
        verdict="unknown",
        meaning=f"{there_are} new to the model; {MIN_ROWS} are needed to say whether the threshold still holds.",
        rows=rows,
        are_normal=counts.are_normal,
        counts=counts,
        alerts=alerts,
        inputs_not_checked=inputs_not_checked,
    )


def _changes(
    alerts: AlertCheck, scores: ScoreCheck | None, columns: tuple[ColumnDrift, ...], *, are_normal: bool
) -> list[str]:
    """Say what has changed, one clause each."""
    clauses = []
    if alerts.is_far_fewer:
        clauses.append("alerts are less than half as common as expected")
    if alerts.is_more and are_normal:
        clauses.append("false alarms are more common than promised")
    if scores and scores.has_moved:
        clauses.append(f"scores as a whole are {'higher' if scores.above > 0.5 else 'lower'} than at calibration")
    drifted = [column.column for column in columns if column.has_drifted]
    if drifted:
        named = ", ".join(drifted[:3]) + (", ..." if len(drifted) > 3 else "")
        clauses.append(f"{len(drifted)} of {len(columns)} input columns drifted ({named})")
    return clauses


def _found(alerts: AlertCheck, rows: int, *, are_normal: bool) -> str:
    low, high = alerts.usual
    return (
        f"{alerts.alerts} of {rows} {'normal ' if are_normal else ''}rows new to the model are above the threshold: "
        f"{alerts.rate:.2%} (95% interval {alerts.low:.2%} to {alerts.high:.2%}), where {alerts.expected_rate:.2%} is "
        f"expected of normal rows, and {low} to {high} of {rows} are usual."
    )

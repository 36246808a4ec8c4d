"""Validity: whether the threshold can still be trusted on the rows that were just scored.

Three questions about rows that neither weights nor threshold were made from, each at the level .001, so that undrifted
rows, judged every night, give about one false verdict a year: do as many lie above the threshold as normal rows should
(beta-binomial, with the calibration's own uncertainty); are their scores spread as the validation scores are
(Kolmogorov-Smirnov); are their cells spread as the train rows' are (`drift.py`)?

What it cannot know: without labels, a surplus of alerts is real anomalies or a threshold gone stale. It is taken for
anomalies as long as they are few and the scores below the threshold lie as before. And all three take rows for
exchangeable: rows in time order, or in bursts of the same row, carry less evidence than their number, and drift is then
found too easily.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from anomaly_ae.evaluation.proportions import wilson
from anomaly_ae.monitoring.drift import LEVEL, MIN_SHIFT, ColumnDrift
from anomaly_ae.monitoring.false_alarms import Rates, expected_alarms, surprise
from anomaly_ae.spec import Section

MIN_ROWS = 50
"""Fewer rows can hardly show a false-alarm rate to be wrong."""
FACTOR = 2.0
"""The alert rate must be this far from what was promised, and not by chance, before it matters."""
FEW = 0.05
"""Share of the rows that may be taken for real anomalies without labels."""

Floats = NDArray[np.float64]
VerdictName = Literal["fine", "drifting", "invalid", "unknown"]


class AlertCheck(Section):
    """Alerts among the judged rows, against what normal rows give.

    Attributes:
        alerts: rows above the threshold.
        rate: their share.
        low: lower end of its 95 % Wilson interval.
        high: upper end.
        expected_rate: share of normal rows that the calibration expects above the threshold.
        usual: range that holds the alerts with 95 % probability if all rows are normal and nothing has changed.
        p_fewer: probability of so few alerts, or fewer, on normal rows.
        p_more: of so many, or more.
    """

    alerts: int
    rate: float
    low: float
    high: float
    expected_rate: float
    usual: tuple[int, int]
    p_fewer: float
    p_more: float

    @property
    def is_more(self) -> bool:
        """Whether chance does not explain so many."""
        return self.p_more < LEVEL / 2

    @property
    def is_many_more(self) -> bool:
        """Whether they are, beyond doubt, more than twice what was expected."""
        return self.is_more and self.low > FACTOR * self.expected_rate

    @property
    def is_far_fewer(self) -> bool:
        """Whether they are, beyond doubt, less than half of what was expected."""
        return self.p_fewer < LEVEL / 2 and self.high * FACTOR < self.expected_rate


class ScoreCheck(Section):
    """Scores of new rows against validation scores.

    Attributes:
        rows: new rows.
        distance: largest difference between the two distribution functions (Kolmogorov-Smirnov).
        p_value: of that difference, if both came from one distribution; too large where scores are tied.
        above: chance that a new score lies above a validation score; .5 where nothing has changed.
        has_moved: whether the difference is significant and matters.
    """

    rows: int
    distance: float
    p_value: float
    above: float
    has_moved: bool


class Validity(Section):
    """Whether the threshold can still be trusted; `validity.json` of a scored table.

    Attributes:
        verdict: fine; drifting: inputs or scores moved, but the alert rate still fits; invalid: it no longer does;
            unknown: too few rows.
        meaning: the same in plain sentences.
        rows: judged rows, those the model was not made from and that are not labelled anomalies.
        are_normal: whether all of them are labelled normal; else real anomalies may be among them.
        alerts: how many lie above the threshold; None if too few rows.
        scores: how their scores lie; None if too few rows.
        below: how those lie that are not above the threshold; None if there are too few.
        columns: how their cells lie, the most shifted column first.
        inputs_not_checked: why `columns` is empty, or None.
    """

    verdict: VerdictName
    meaning: str
    rows: int
    are_normal: bool
    alerts: AlertCheck | None = None
    scores: ScoreCheck | None = None
    below: ScoreCheck | None = None
    columns: tuple[ColumnDrift, ...] = ()
    inputs_not_checked: str | None = None

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """The columns that have drifted."""
        return tuple(column for column in self.columns if column.has_drifted)


class ScoreRanks:
    """Where new scores lie among validation scores: all that a comparison needs, whatever the number of rows.

    Args:
        reference: validation scores, ascending, `(n,)`.
    """

    def __init__(self, reference: Floats) -> None:
        self.reference = reference
        self._above = np.zeros(len(reference) + 1, np.int64)
        self._not_below = np.zeros(len(reference) + 1, np.int64)

    def add(self, scores: Floats) -> None:
        """Count more new scores."""
        length = len(self.reference) + 1
        self._above += np.bincount(np.searchsorted(self.reference, scores, "left"), minlength=length)
        self._not_below += np.bincount(np.searchsorted(self.reference, scores, "right"), minlength=length)

    def check(self) -> ScoreCheck | None:
        """Compare; None where either side has too few rows."""
        rows, n = int(self._above.sum()), len(self.reference)
        if min(rows, n) < MIN_ROWS:
            return None
        distance = max(self._distance(self._above, "right"), self._distance(self._not_below, "left"))
        p_value = float(stats.kstwo.sf(distance, max(1, round(n * rows / (n + rows)))))
        ranks = (self._above + self._not_below) @ np.arange(n + 1)
        return ScoreCheck(
            rows=rows,
            distance=distance,
            p_value=p_value,
            above=float(ranks / (2 * n * rows)),
            has_moved=p_value < LEVEL and distance >= MIN_SHIFT,
        )

    def _distance(self, counts: NDArray[np.int64], side: Literal["left", "right"]) -> float:
        """Return the largest gap between distribution functions at the validation scores, from the right or left."""
        ours = np.cumsum(counts)[:-1] / counts.sum()
        theirs = np.searchsorted(self.reference, self.reference, side) / len(self.reference)
        return float(np.abs(ours - theirs).max())


def check_alerts(alerts: int, rows: int, rates: Rates) -> AlertCheck:
    """Compare the alerts among so many rows with what normal rows give."""
    p_fewer, p_more = surprise(alerts, rows, rates)
    low, high = wilson(alerts / rows, rows)
    return AlertCheck(
        alerts=alerts,
        rate=alerts / rows,
        low=low,
        high=high,
        expected_rate=float(rates.mean()),
        usual=expected_alarms(rows, rates),
        p_fewer=p_fewer,
        p_more=p_more,
    )


def judge(
    *,
    rows: int,
    are_normal: bool,
    alerts: AlertCheck | None,
    scores: ScoreCheck | None,
    below: ScoreCheck | None,
    columns: tuple[ColumnDrift, ...],
    inputs_not_checked: str | None = None,
) -> Validity:
    """Come to a verdict from the three comparisons; the arguments are `Validity`'s."""
    if alerts is None or rows < MIN_ROWS:
        verdict, meaning = _unknown(rows)
        return Validity(verdict=verdict, meaning=meaning, rows=rows, are_normal=are_normal)
    is_explained = not are_normal and not (below and below.has_moved) and alerts.low <= alerts.expected_rate + FEW
    verdict, meaning = _decide(alerts, _changes(alerts, scores, columns, are_normal), is_explained=is_explained)
    return Validity(
        verdict=verdict,
        meaning=f"{_found(alerts, 'normal rows' if are_normal else 'rows', rows)} {meaning}",
        rows=rows,
        are_normal=are_normal,
        alerts=alerts,
        scores=scores,
        below=below,
        columns=columns,
        inputs_not_checked=inputs_not_checked,
    )


def _unknown(rows: int) -> tuple[VerdictName, str]:
    there_are = "No row is" if rows == 0 else "Only 1 row is" if rows == 1 else f"Only {rows} rows are"
    return "unknown", f"{there_are} new to the model; {MIN_ROWS} are needed to say whether the threshold still holds."


def _decide(alerts: AlertCheck, changes: list[str], *, is_explained: bool) -> tuple[VerdictName, str]:
    caution = "Rows that resemble their neighbours, as in time order, make this look surer than it is."
    if alerts.is_many_more and not is_explained:
        also = f" Also, {'; '.join(changes)}." if changes else ""
        return "invalid", f"Chance does not explain that, nor a few anomalies: calibrate or train anew.{also} {caution}"
    if changes:
        return "drifting", f"But {'; '.join(changes)}. Look at what changed before the threshold fails. {caution}"
    if alerts.is_more:
        return "fine", (
            "The surplus looks like real anomalies, for the scores below the threshold lie as before; only labels or a "
            "review of the alerts can tell."
        )
    return "fine", "Nothing speaks against the threshold."


def _changes(
    alerts: AlertCheck, scores: ScoreCheck | None, columns: tuple[ColumnDrift, ...], are_normal: bool
) -> list[str]:
    """Say what has changed, one clause each."""
    clauses = []
    if alerts.is_far_fewer:
        clauses.append("alerts are less than half as common as expected")
    if alerts.is_more and are_normal:
        clauses.append("false alarms are more common than promised")
    if scores and scores.has_moved:
        clauses.append(f"scores as a whole lie {'higher' if scores.above > 0.5 else 'lower'} than at calibration")
    drifted = [column.column for column in columns if column.has_drifted]
    if drifted:
        named = ", ".join(drifted[:3]) + (", ..." if len(drifted) > 3 else "")
        clauses.append(f"{len(drifted)} of {len(columns)} input columns drifted ({named})")
    return clauses


def _found(alerts: AlertCheck, which: str, rows: int) -> str:
    low, high = alerts.usual
    return (
        f"{alerts.alerts} of {rows} {which} new to the model are above the threshold: {alerts.rate:.2%} "
        f"(95% interval {alerts.low:.2%} to {alerts.high:.2%}), where {alerts.expected_rate:.2%} is expected of normal "
        f"rows and chance makes it {low} to {high} of so many."
    )

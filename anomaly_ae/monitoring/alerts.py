"""Alerts: how many rows of which kind lie above the threshold, against how many normal rows should.

Rows are unseen if neither weights nor threshold were made from them. Judged are the unseen rows that are not labelled
anomalies: they are normal, apart from the anomalies that nobody labelled.
"""

from dataclasses import dataclass
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.evaluation.proportions import Rate
from anomaly_ae.monitoring.drift import LEVEL
from anomaly_ae.monitoring.false_alarms import Rates, expected_alarms, surprise
from anomaly_ae.spec import Section
from anomaly_ae.split import TEST

_FACTOR = 2.0
"""How many times the expected rate the alert rate must exceed, beyond chance, to matter; likewise below it."""
FEW = 0.05
"""Share of unlabelled rows that may be taken for real anomalies."""


class AlertCounts(Section):
    """Rows above the threshold, among rows of one kind each.

    Attributes:
        scored: among all rows.
        unseen: among rows that neither weights nor threshold were made from.
        normal: among the unseen rows that are labelled normal.
        anomalous: among the unseen rows that are labelled anomalies.
    """

    scored: Rate
    unseen: Rate
    normal: Rate
    anomalous: Rate

    @classmethod
    def of(cls, alerts: int, rows: int, *, are_normal: bool = False) -> Self:
        """Return the counts of rows that are all unseen, and all unlabelled or all labelled normal."""
        everything, none = Rate.of(alerts, rows), Rate.of(0, 0)
        return cls(scored=everything, unseen=everything, normal=everything if are_normal else none, anomalous=none)

    @property
    def judged(self) -> Rate:
        """Among the unseen rows that are not labelled anomalies."""
        return Rate.of(self.unseen.count - self.anomalous.count, self.unseen.rows - self.anomalous.rows)

    @property
    def are_normal(self) -> bool:
        """Whether there are judged rows, and all of them are labelled normal."""
        return 0 < self.judged.rows == self.normal.rows


@dataclass
class AlertTally:
    """Counts the rows of a scored table batch by batch, `[above the threshold, rows]` each."""

    scored: tuple[int, int] = (0, 0)
    unseen: tuple[int, int] = (0, 0)
    normal: tuple[int, int] = (0, 0)
    anomalous: tuple[int, int] = (0, 0)

    def add(self, rows: pa.RecordBatch) -> None:
        """Count more rows, with the columns `is_anomaly`, `label` and `split`."""
        flagged, label, unseen = rows.column("is_anomaly"), rows.column("label"), is_unseen(rows)
        anomalous = pc.and_(unseen, pc.fill_null(label, False))
        normal = pc.and_(unseen, pc.fill_null(pc.invert(label), False))
        everything = pc.is_valid(flagged)
        self.scored = _add(self.scored, everything, flagged)
        self.unseen = _add(self.unseen, unseen, flagged)
        self.normal = _add(self.normal, normal, flagged)
        self.anomalous = _add(self.anomalous, anomalous, flagged)

    def counts(self) -> AlertCounts:
        """Return what was counted so far."""
        return AlertCounts(
            scored=Rate.of(*self.scored),
            unseen=Rate.of(*self.unseen),
            normal=Rate.of(*self.normal),
            anomalous=Rate.of(*self.anomalous),
        )


def is_unseen(rows: pa.RecordBatch) -> pa.Array:
    """Return which rows neither weights nor threshold were made from."""
    split = rows.column("split")
    return pc.or_(pc.is_null(split), pc.fill_null(pc.equal(split, TEST), False))


def is_judged(rows: pa.RecordBatch) -> pa.Array:
    """Return which unseen rows are not labelled anomalies."""
    return pc.and_(is_unseen(rows), pc.invert(pc.fill_null(rows.column("label"), False)))


class AlertCheck(Section):
    """Alerts among the judged rows, against what normal rows give.

    Attributes:
        alerts: rows above the threshold.
        rate: their share.
        low: lower end of its 95 % Wilson interval.
        high: upper end.
        expected_rate: share of normal rows that the calibration expects above the threshold.
        usual: range that holds the alerts with 95 % probability if all rows are normal and nothing has changed.
        p_fewer: probability of at most this many alerts on normal rows.
        p_more: of at least this many.
    """

    alerts: int
    rate: float
    low: float
    high: float
    expected_rate: float
    usual: tuple[int, int]
    p_fewer: float
    p_more: float

    @classmethod
    def of(cls, judged: Rate, rates: Rates) -> Self | None:
        """Compare the alerts among the judged rows with what normal rows give; None where no row is judged.

        Args:
            judged: alerts among the judged rows.
            rates: possible false-alarm rates of the calibration (`alarm_rates`).
        """
        if judged.share is None or judged.low is None or judged.high is None:
            return None
        p_fewer, p_more = surprise(judged.count, judged.rows, rates)
        return cls(
            alerts=judged.count,
            rate=judged.share,
            low=judged.low,
            high=judged.high,
            expected_rate=float(rates.mean()),
            usual=expected_alarms(judged.rows, rates),
            p_fewer=p_fewer,
            p_more=p_more,
        )

    @property
    def is_more(self) -> bool:
        """Whether chance does not explain this many."""
        return self.p_more < LEVEL / 2

    @property
    def is_many_more(self) -> bool:
        """Whether they are, beyond doubt, more than twice what was expected."""
        return self.is_more and self.low > _FACTOR * self.expected_rate

    @property
    def is_far_fewer(self) -> bool:
        """Whether they are, beyond doubt, less than half of what was expected."""
        return self.p_fewer < LEVEL / 2 and self.high * _FACTOR < self.expected_rate

    @property
    def is_unusual(self) -> bool:
        """Whether they are outside the range that holds them with 95 % probability."""
        return not self.usual[0] <= self.alerts <= self.usual[1]


def chance_with_anomalies(judged: Rate, rates: Rates) -> float:
    """Return the probability of at least this many alerts if one row in twenty is an unlabelled anomaly."""
    return surprise(judged.count, judged.rows, rates + FEW * (1 - rates))[1]


def _add(counted: tuple[int, int], mask: pa.Array, flagged: pa.Array) -> tuple[int, int]:
    above, rows = pc.sum(pc.and_(mask, flagged)).as_py(), pc.sum(mask).as_py()
    return counted[0] + (above or 0), counted[1] + (rows or 0)

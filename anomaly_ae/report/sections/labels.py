"""Metrics on labelled rows with their intervals, a comparison with baselines, and false alarms by segment."""

from dataclasses import dataclass

from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.report.wording import percent

_MAX_SEGMENTS = 12

_TILES = {
    "precision": ("Precision", "of the alerts are anomalies"),
    "recall": ("Recall", "of the anomalies raise an alert"),
    "f1": ("F1", "harmonic mean of precision and recall"),
    "average_precision": ("Average precision", "over all thresholds"),
    "roc_auc": ("ROC AUC", "probability of ranking an anomaly above a normal row"),
    "false_alarm_rate": ("False-alarm rate", "of normal rows raise an alert"),
}
_SHARES = {"precision", "recall", "false_alarm_rate"}
"""Metrics that are shares of rows, shown as percentages; the others are shown as numbers between 0 and 1."""


@dataclass(frozen=True)
class Tile:
    """One metric.

    Attributes:
        name: its title.
        value: as text; None if the metric is undefined.
        note: the metric's meaning, or why it is undefined.
        interval: its 95% interval, as text; None if there is none.
    """

    name: str
    value: str | None
    note: str
    interval: str | None


@dataclass(frozen=True)
class Labels:
    """The metrics, and their tiles."""

    metrics: Metrics
    tiles: tuple[Tile, ...]
    most_segments: int = _MAX_SEGMENTS


def section(source: ReportSource) -> PageSection | None:
    """Return the metrics; None without labels."""
    metrics = source.metrics
    if metrics is None:
        return None
    return PageSection("labels", "Labels", Labels(metrics, tuple(_tile(metrics, name) for name in _TILES)))


def _tile(metrics: Metrics, name: str) -> Tile:
    title, meaning = _TILES[name]
    value: float | None = getattr(metrics, name)
    if value is None:
        return Tile(title, None, metrics.undefined.get(name, "no reason recorded"), None)
    write = percent if name in _SHARES else "{:.3f}".format
    bounds = metrics.intervals.get(name)
    between = f"{write(bounds[0])} to {write(bounds[1])}" if bounds else None
    return Tile(title, write(value), meaning, between)

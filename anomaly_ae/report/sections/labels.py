"""Against the labels: metrics with their intervals, false alarms by segment, and simple methods beside the model."""

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
    "roc_auc": ("ROC AUC", "chance to rank an anomaly above a normal row"),
    "false_alarm_rate": ("False-alarm rate", "of normal rows raise an alert"),
}
_SHARES = {"precision", "recall", "false_alarm_rate"}
"""What is a share of rows and reads as a percentage; the others are numbers between 0 and 1."""


@dataclass(frozen=True)
class Tile:
    """One metric: its value, and what bounds or explains it.

    Attributes:
        value: as text; None where the metric is undefined, and `note` then says why.
        interval: its 95 % interval, as text; None where there is none.
    """

    name: str
    value: str | None
    note: str
    interval: str | None


@dataclass(frozen=True)
class Labels:
    """The metrics as they were written, and as tiles."""

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

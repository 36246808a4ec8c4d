"""Precision, recall and false-alarm rate at every threshold, on labelled rows."""

from typing import Any

from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.report.charts import ALERT, NORMAL, SOFT, Chart, chart, layer
from anomaly_ae.report.curves import Curves, Points, draw_curves
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.report.wording import percent


def section(source: ReportSource) -> PageSection | None:
    """Return both curves; None unless labelled rows of both classes may be evaluated."""
    curves = draw_curves(source.tally)
    if curves is None:
        return None
    metrics = source.metrics
    charts = {
        "chart-precision-recall": _precision_recall_chart(curves, metrics),
        "chart-roc": _roc_chart(curves, metrics),
    }
    return PageSection("curves", "Curves", curves, charts)


def _precision_recall_chart(curves: Curves, metrics: Metrics | None) -> Chart:
    """Return the chart of precision over recall, with the base rate and the threshold in force."""
    base_rate = curves.anomalies / (curves.anomalies + curves.normals)
    point = None
    if metrics and metrics.precision is not None and metrics.recall is not None:
        point = (metrics.recall, metrics.precision)
    ends = ((0.0, base_rate), (1.0, base_rate))
    return _curve("Precision over recall", ("recall", "precision"), curves.precision_recall, ends, point)


def _roc_chart(curves: Curves, metrics: Metrics | None) -> Chart:
    """Return the chart of recall over false-alarm rate, with the diagonal of chance and the threshold in force."""
    point = None
    if metrics and metrics.false_alarm_rate is not None and metrics.recall is not None:
        point = (metrics.false_alarm_rate, metrics.recall)
    ends = ((0.0, 0.0), (1.0, 1.0))
    return _curve("Recall over false-alarm rate (ROC)", ("false-alarm rate", "recall"), curves.roc, ends, point)


def _curve(
    title: str, axes: tuple[str, str], points: Points, chance: Points, point: tuple[float, float] | None
) -> Chart:
    def encode(**more: Any) -> Chart:
        fields = {
            name: {
                "field": name,
                "type": "quantitative",
                "scale": {"domain": [0, 1]},
                "axis": {"title": axis, "tickCount": 5, "format": "~g"},
            }
            for name, axis in zip(("x", "y"), axes, strict=True)
        }
        return {**fields, **more}

    layers = [
        layer(_xy(chance), "line", encode(color={"value": SOFT}), strokeDash=[3, 3], strokeWidth=1),
        layer(_xy(points), "line", encode(color={"value": NORMAL}, order={"field": "order"}), strokeWidth=2),
    ]
    if point:
        text = f"at the threshold: {axes[0]} {percent(point[0])}, {axes[1]} {percent(point[1])}"
        layers.append(
            layer(
                [{"x": point[0], "y": point[1], "text": text}],
                "point",
                encode(color={"value": ALERT}, tooltip={"field": "text"}),
                filled=True,
                size=80,
                opacity=1,
            )
        )
    return chart(title, layers, height=260)


def _xy(points: Points) -> list[Chart]:
    return [{"x": x, "y": y, "order": order} for order, (x, y) in enumerate(points)]

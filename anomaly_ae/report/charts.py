"""The charts, as Vega-Lite specifications.

Colours are names of CSS variables: the page's own style says what they are in light, in dark and on paper, so nothing
is drawn anew when that changes. No text from the data enters a chart.
"""

import math
from collections.abc import Iterable
from typing import Any

from anomaly_ae.evaluation import Metrics
from anomaly_ae.report.curves import Curves, Points
from anomaly_ae.report.distribution import Distribution, Panel
from anomaly_ae.report.inputs import TrainingCheck
from anomaly_ae.report.verdict import Rate, Verdict
from anomaly_ae.report.view import ReportView
from anomaly_ae.report.wording import count, interval, number, percent, rows

Chart = dict[str, Any]

INK, SOFT, RULE = "var(--ink)", "var(--soft)", "var(--rule)"
NORMAL, ALERT, QUIET = "var(--normal)", "var(--alert)", "var(--quiet)"
APART = {"labelOverlap": "greedy", "labelSeparation": 10}
PLAIN, SHORT = "format(datum.value, ',~g')", "format(datum.value, '~s')"
"""How ticks read, each by itself: an axis-wide format would write all in the unit of the largest ("0k")."""

LABEL_NAMES = {False: "labelled normal", True: "labelled anomaly", None: "without a label"}
PANEL_HUES = {False: (NORMAL, NORMAL), True: (ALERT, ALERT), None: (NORMAL, ALERT)}
"""Hue of bars below and above the threshold: the label's own where there is one, else what was decided."""

LOG_FROM = 20
"""A loss that falls by this factor is drawn on a logarithmic axis."""


def draw_charts(view: ReportView) -> dict[str, Chart]:
    """Return the charts the view has data for, by the id of the element that shows each."""
    charts: dict[str, Chart] = {}
    if view.verdict.alerts.rows:
        charts["chart-promise"] = promise_chart(view.verdict)
    if view.distribution:
        for index, panel in enumerate(view.distribution.panels):
            charts[f"chart-scores-{index}"] = score_chart(view.distribution, panel)
    if view.curves:
        charts["chart-precision-recall"] = precision_recall_chart(view.curves, view.metrics)
        charts["chart-roc"] = roc_chart(view.curves, view.metrics)
    if view.training:
        charts["chart-training"] = training_chart(view.training)
    return charts


def promise_chart(verdict: Verdict) -> Chart:
    """Draw the observed rates with their intervals against the promise, and what chance makes of the promise."""
    marks = _observed(verdict)
    judged, allowed = marks[-1], verdict.allowed
    band = {"name": judged["name"], "low": allowed[0] / judged["rows"], "high": allowed[1] / judged["rows"]}
    band["text"] = f"{count(allowed[0])} to {count(allowed[1])} false alarms would be usual"
    limit = min(1, 1.15 * max([verdict.target_fpr, band["high"], *(mark["high"] for mark in marks)]))
    promise = {"target": verdict.target_fpr, "text": f"promised: at most {percent(verdict.target_fpr)}"}
    x = {"type": "quantitative", "scale": {"domain": [0, limit], "nice": False}}
    axis = {"format": "~p", "grid": False, "tickCount": 5, **APART, "title": "share of rows flagged"}
    names = {"labelLimit": 200, "domain": False, "ticks": False, "labelPadding": 10, "labelFontSize": 12}
    order = [mark["name"] for mark in marks]
    y = {"field": "name", "type": "nominal", "sort": order, "scale": {"domain": order}, "title": None, "axis": names}
    span = {"x": {"field": "low", **x, "axis": axis}, "x2": {"field": "high"}, "y": y, "tooltip": {"field": "text"}}
    dot = {"x": {"field": "share", **x}, "y": y, "tooltip": {"field": "text"}}
    target = {"x": {"field": "target", **x}}
    named = {**target, "text": {"field": "text"}, "y": {"value": 0}}
    side = "left" if verdict.target_fpr < 0.6 * limit else "right"
    layers = [
        _layer([band], "bar", span, color=ALERT, opacity=0.16, height=18),
        _layer([promise], "rule", target, color=ALERT, strokeWidth=1.5, strokeDash=[4, 3]),
        _layer(
            [promise], "text", named, color=ALERT, align=side, dx=5 if side == "left" else -5, baseline="bottom", dy=-4
        ),
        _layer(marks, "rule", span, color=INK, strokeWidth=2),
        _layer(marks, "point", dot, color=INK, filled=True, size=70, opacity=1),
    ]
    return _chart("Share of rows flagged, against the promise", layers, height=34 * len(marks))


def _observed(verdict: Verdict) -> list[Chart]:
    """List the observed rates; the last is the one the verdict rests on."""
    named = [
        ("all rows scored", verdict.alerts),
        ("rows new to the model", verdict.unseen),
        ("rows labelled normal", verdict.false_alarms),
    ]
    return [_interval(name, rate) for name, rate in named if rate and rate.rows]


def _interval(name: str, rate: Rate) -> Chart:
    bounds = f"95% interval {interval(rate.low, rate.high)}"
    text = f"{count(rate.count)} of {rows(rate.rows)}: {percent(rate.share)}, {bounds}"
    return {"name": name, "rows": rate.rows, "share": rate.share, "low": rate.low, "high": rate.high, "text": text}


def score_chart(distribution: Distribution, panel: Panel) -> Chart:
    """Draw the histogram of one label; bars right of the threshold are alerts."""
    bars, x = _bars(distribution, panel), _score_axis(distribution)
    hue, alert_hue = PANEL_HUES[panel.label]
    encoding = {
        "x": {"field": "from", **x},
        "x2": {"field": "to"},
        "y": {"field": "rows", "type": "quantitative", **_row_axis(max(bar["rows"] for bar in bars))},
        "y2": {"datum": 0},
        "color": {"condition": {"test": "datum.alert", "value": alert_hue}, "value": hue},
        "opacity": {"condition": {"test": "datum.alert", "value": 1}, "value": 0.5},
        "tooltip": {"field": "text"},
    }
    cut = {"cut": distribution.threshold, "text": f"threshold {number(distribution.threshold)}"}
    at_cut = {"x": {"field": "cut", **x}, "color": {"value": INK}}
    named = {**at_cut, "y": {"value": 0}, "text": {"field": "text"}}
    layers = [
        _layer(bars, "bar", encoding, binSpacing=1, cornerRadiusEnd=1),
        _layer([cut], "rule", at_cut, strokeWidth=1.5),
        _layer([cut], "text", named, align=_side(distribution), baseline="bottom", dy=-4),
    ]
    title = f"Anomaly scores of {rows(panel.total)} {LABEL_NAMES[panel.label]}"
    return _chart(title, layers, height=170)


def _side(distribution: Distribution) -> str:
    """Choose where the name of the threshold stands, so that it stays within the chart at either end."""
    place = distribution.edges.index(distribution.threshold) / len(distribution.edges)
    return "left" if place < 0.1 else "right" if place > 0.9 else "center"


def _bars(distribution: Distribution, panel: Panel) -> list[Chart]:
    spans = list(zip(distribution.edges, distribution.edges[1:], strict=False))
    return [
        {
            "from": left,
            "to": right,
            "rows": below + above,
            "alert": above > 0,
            "text": f"{rows(below + above)}, score {number(left)} to {number(right)}",
        }
        for (left, right), below, above in zip(spans, panel.below, panel.above, strict=True)
        if below + above
    ]


def _score_axis(distribution: Distribution) -> Chart:
    """Describe the axis of scores, the same for every label."""
    axis: Chart = {"grid": False, "tickCount": 8, "labelExpr": PLAIN, **APART}
    if distribution.is_log:
        axis["values"] = _log_ticks(distribution.edges[0], distribution.edges[-1])
    scale = {"domain": [distribution.edges[0], distribution.edges[-1]], "nice": False}
    kind = {"type": "log"} if distribution.is_log else {"type": "linear", "zero": False}
    title = f"anomaly score{', logarithmic' if distribution.is_log else ''}"
    return {"type": "quantitative", "scale": {**scale, **kind}, "axis": {**axis, "title": title}}


def _log_ticks(low: float, high: float) -> list[float]:
    """Return ticks at 1, 2 and 5 times each power of ten, or at the powers alone where there are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high < 1e4 * low else (1,)
    ticks = [float(f"{step}e{power}") for power in powers for step in steps]
    return [tick for tick in ticks if low <= tick <= high]


def _row_axis(highest: int) -> Chart:
    """Describe the axis of row counts: logarithmic where bars of a few rows would vanish beside the highest."""
    axis: Chart = {
        "title": "rows",
        "tickCount": 4,
        "tickMinStep": 1,
        "labelExpr": SHORT,
        "minExtent": 44,
        "maxExtent": 44,
    }
    if highest < 200:
        return {"scale": {"domainMin": 0}, "axis": axis}
    ticks = [0] + [10**power for power in range(len(str(highest)))]
    scale = {"type": "symlog", "domainMin": 0, "nice": False}
    return {"scale": scale, "axis": {**axis, "title": "rows, logarithmic", "values": ticks}}


def precision_recall_chart(curves: Curves, metrics: Metrics | None) -> Chart:
    """Draw precision over recall, with the base rate and the threshold in force."""
    base_rate = curves.anomalies / (curves.anomalies + curves.normals)
    point = None
    if metrics and metrics.precision is not None and metrics.recall is not None:
        point = (metrics.recall, metrics.precision)
    ends = ((0.0, base_rate), (1.0, base_rate))
    return _curve("Precision over recall", ("recall", "precision"), curves.precision_recall, ends, point)


def roc_chart(curves: Curves, metrics: Metrics | None) -> Chart:
    """Draw recall over the false-alarm rate, with the diagonal of chance and the threshold in force."""
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
        _layer(_xy(chance), "line", encode(color={"value": SOFT}), strokeDash=[3, 3], strokeWidth=1),
        _layer(_xy(points), "line", encode(color={"value": NORMAL}, order={"field": "order"}), strokeWidth=2),
    ]
    if point:
        text = f"at the threshold: {axes[0]} {percent(point[0])}, {axes[1]} {percent(point[1])}"
        layers.append(
            _layer(
                [{"x": point[0], "y": point[1], "text": text}],
                "point",
                encode(color={"value": ALERT}, tooltip={"field": "text"}),
                filled=True,
                size=80,
                opacity=1,
            )
        )
    return _chart(title, layers, height=260)


def training_chart(history: tuple[TrainingCheck, ...]) -> Chart:
    """Draw the training loss and the early-stopping loss over the steps."""
    names = {"loss": "train", "early_stopping_loss": "early stopping"}
    losses = [
        {"step": check.step, "loss": getattr(check, key), "of": name}
        for key, name in names.items()
        for check in history
        if getattr(check, key) is not None
    ]
    values = [loss["loss"] for loss in losses]
    is_log = bool(values) and min(values) > 0 and max(values) > LOG_FROM * min(values)
    encoding = {
        "x": {"field": "step", "type": "quantitative", "axis": {"grid": False, "format": ",d", "tickCount": 6}},
        "y": {
            "field": "loss",
            "type": "quantitative",
            "axis": {"tickCount": 5, "format": "~g"},
            "scale": {"type": "log", "nice": False} if is_log else {"zero": False},
        },
        "color": {
            "field": "of",
            "type": "nominal",
            "title": None,
            "legend": {"orient": "top", "symbolType": "stroke"},
            "scale": {"domain": list(names.values()), "range": [QUIET, NORMAL]},
        },
        "tooltip": [{"field": "of", "title": "rows"}, {"field": "step", "format": ",d"}, {"field": "loss"}],
    }
    mark = {"point": len(history) == 1}
    return _chart("Loss during training", [_layer(losses, "line", encoding, strokeWidth=2, **mark)], height=220)


def _xy(points: Points) -> list[Chart]:
    return [{"x": x, "y": y, "order": order} for order, (x, y) in enumerate(points)]


def _layer(values: Iterable[Chart], mark: str, encoding: Chart, **style: Any) -> Chart:
    return {"data": {"values": list(values)}, "mark": {"type": mark, **style}, "encoding": encoding}


def _chart(title: str, layers: list[Chart], height: Any) -> Chart:
    axis = {
        "labelColor": SOFT,
        "titleColor": SOFT,
        "titleFontWeight": "normal",
        "domainColor": RULE,
        "tickColor": RULE,
        "gridColor": RULE,
        "gridOpacity": 0.6,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titlePadding": 8,
    }
    return {
        "description": title,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": layers,
        "config": {
            "background": "transparent",
            "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
            "axis": axis,
            "legend": {"labelColor": INK, "labelFontSize": 12},
            "text": {"fontSize": 11},
            "view": {"stroke": None},
        },
    }

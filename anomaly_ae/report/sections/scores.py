"""The score distribution: a histogram per label, with the threshold."""

from anomaly_ae.report.charts import ALERT, APART, INK, NORMAL, PLAIN, SHORT, SOFT, Chart, chart, layer, log_ticks
from anomaly_ae.report.distribution import Distribution, Panel, draw_distribution
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.report.wording import LABEL_NAMES, number, rows

_IS_ABOVE = "datum.from >= cut"
"""Whether a bar lies above the cut: at first the threshold in force, then wherever the slider moves it."""

_PANEL_HUES = {False: (NORMAL, NORMAL), True: (ALERT, ALERT), None: (NORMAL, ALERT)}
"""Hues of bars below and above the threshold: by label, or by the decision for unlabelled rows."""


def section(source: ReportSource) -> PageSection:
    """Return the histograms; the content is None if no row was scored."""
    has_segments = source.calibration.by is not None
    distribution = draw_distribution(source.tally, source.manifest.threshold, has_segments=has_segments)
    charts = {}
    if distribution:
        panels = enumerate(distribution.panels)
        charts = {f"chart-scores-{index}": _score_chart(distribution, panel) for index, panel in panels}
    return PageSection("scores", "Scores", distribution, charts)


def _score_chart(distribution: Distribution, panel: Panel) -> Chart:
    """Return the histogram of one label; bars to the right of the threshold are alerts."""
    bars, x = _bars(distribution, panel), _score_axis(distribution)
    hue, alert_hue = _PANEL_HUES[panel.label]
    encoding = {
        "x": {"field": "from", **x},
        "x2": {"field": "to"},
        "y": {"field": "rows", "type": "quantitative", **_row_axis(max(bar["rows"] for bar in bars))},
        "y2": {"datum": 0},
        "color": {"condition": {"test": _IS_ABOVE, "value": alert_hue}, "value": hue},
        "opacity": {"condition": {"test": _IS_ABOVE, "value": 1}, "value": 0.5},
        "tooltip": {"field": "text"},
    }
    in_force = {"cut": distribution.threshold, "text": f"threshold {number(distribution.threshold)}"}
    named = {"x": {"field": "cut", **x}, "color": {"value": INK}, "y": {"value": 0}, "text": {"field": "text"}}
    moved = {"x": {"field": "at", **x}, "color": {"value": INK}}
    layers = [
        layer(bars, "bar", encoding, binSpacing=1, cornerRadiusEnd=1),
        layer([in_force], "rule", {"x": named["x"], "color": {"value": SOFT}}, strokeWidth=1, strokeDash=[3, 3]),
        {**layer([in_force], "rule", moved, strokeWidth=1.5), "transform": [{"calculate": "cut", "as": "at"}]},
        layer([in_force], "text", named, align=_side(distribution), baseline="bottom", dy=-4),
    ]
    title = f"Anomaly scores of {rows(panel.total)} {LABEL_NAMES[panel.label]}"
    params = [{"name": "cut", "value": distribution.threshold}]
    return {**chart(title, layers, height=150), "params": params}


def _side(distribution: Distribution) -> str:
    """Return the alignment with which the threshold's label stays within the chart."""
    position = distribution.edges.index(distribution.threshold) / len(distribution.edges)
    return "left" if position < 0.1 else "right" if position > 0.9 else "center"


def _bars(distribution: Distribution, panel: Panel) -> list[Chart]:
    spans = list(zip(distribution.edges, distribution.edges[1:], strict=False))
    return [
        {
            "from": left,
            "to": right,
            "rows": below + above,
            "text": f"{rows(below + above)}, score {number(left)} to {number(right)}",
        }
        for (left, right), below, above in zip(spans, panel.below, panel.above, strict=True)
        if below + above
    ]


def _score_axis(distribution: Distribution) -> Chart:
    """Return the encoding of the score axis, which all labels share."""
    axis: Chart = {"grid": False, "tickCount": 8, "labelExpr": PLAIN, **APART}
    if distribution.is_log:
        axis["values"] = log_ticks(distribution.edges[0], distribution.edges[-1])
    scale = {"domain": [distribution.edges[0], distribution.edges[-1]], "nice": False}
    kind = {"type": "log"} if distribution.is_log else {"type": "linear", "zero": False}
    title = f"anomaly score{', logarithmic' if distribution.is_log else ''}"
    return {"type": "quantitative", "scale": {**scale, **kind}, "axis": {**axis, "title": title}}


def _row_axis(highest: int) -> Chart:
    """Return the axis of row counts: logarithmic if bars of a few rows would be invisible beside the highest."""
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

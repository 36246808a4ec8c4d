"""Scores over time: the median and the highest score, and the alerts, of each stretch of time."""

from anomaly_ae.report.charts import ALERT, INK, NORMAL, PLAIN, QUIET, SHORT, Chart, chart, layer, log_ticks
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.report.timeline import Bin, Timeline, read_timeline, time_column
from anomaly_ae.report.wording import count, number, rows

_LOG_FROM = 30
"""Scores that differ by this factor are drawn on a logarithmic axis."""

TIME: Chart = {"field": "time", "type": "temporal", "scale": {"type": "utc"}}
TIME_AXIS = {"grid": False, "tickCount": 8, "labelOverlap": "greedy", "title": None}
_SIDE = {"minExtent": 44, "maxExtent": 44}


def section(source: ReportSource) -> PageSection | None:
    """Return both charts; None where the table has no column of moments."""
    column = time_column(source.parts[0]) if source.parts else None
    timeline = read_timeline(source.parts, column, source.tally.counts()) if column else None
    if timeline is None:
        return None
    charts = {
        "chart-time-scores": _scores_chart(timeline, source.manifest.threshold),
        "chart-time-alerts": _alerts_chart(timeline),
    }
    return PageSection("timeline", "Time", timeline, charts)


def _scores_chart(timeline: Timeline, threshold: float) -> Chart:
    """Draw the median and the highest score of each stretch of time, with the threshold."""
    values = [
        {**_span(one, timeline.length), "median": one.median, "highest": one.highest, "alert": one.alerts > 0}
        for one in timeline.bins
    ]
    x, axis = {**TIME, "field": "middle"}, _score_axis(timeline, threshold)

    def y(field: str) -> Chart:
        return {"field": field, "type": "quantitative", **axis}

    color = {"condition": {"test": "datum.alert", "value": ALERT}, "value": QUIET}
    highest = {"x": x, "y": y("highest"), "color": color}
    whole = {"x": {**TIME, "axis": TIME_AXIS}, "x2": {"field": "end"}, "tooltip": {"field": "text"}}
    layers = [
        layer(values, "rect", whole, opacity=0),
        layer(values, "rule", {**highest, "y2": {"field": "median"}}, opacity=0.35),
        layer(values, "line", {"x": x, "y": y("median")}, color=NORMAL, strokeWidth=1.5),
        layer(values, "point", highest, filled=True, size=22, opacity=1),
        layer([{"cut": threshold}], "rule", {"y": y("cut")}, color=INK, strokeWidth=1.2, strokeDash=[4, 3]),
    ]
    return chart("Median and highest anomaly score over time", layers, height=210)


def _alerts_chart(timeline: Timeline) -> Chart:
    """Draw the alerts of each stretch of time."""
    values = [{**_span(one, timeline.length), "alerts": one.alerts} for one in timeline.bins]
    axis = {"title": "alerts", "tickCount": 3, "tickMinStep": 1, "labelExpr": SHORT, **_SIDE}
    encoding = {
        "x": {**TIME, "axis": TIME_AXIS},
        "x2": {"field": "end"},
        "y": {"field": "alerts", "type": "quantitative", "axis": axis, "scale": {"domainMin": 0}},
        "y2": {"datum": 0},
        "tooltip": {"field": "text"},
    }
    return chart("Alerts over time", [layer(values, "bar", encoding, color=ALERT, binSpacing=1)], height=80)


def _score_axis(timeline: Timeline, threshold: float) -> Chart:
    lowest = min(*(one.median for one in timeline.bins), threshold)
    highest = max(*(one.highest for one in timeline.bins), threshold)
    axis: Chart = {"title": "anomaly score", "tickCount": 5, "labelExpr": PLAIN, **_SIDE}
    if lowest <= 0 or highest < _LOG_FROM * lowest:
        return {"scale": {"zero": False}, "axis": axis}
    ticks = [tick for tick in log_ticks(lowest, highest) if highest < 100 * lowest or f"{tick:e}"[0] == "1"]
    return {"scale": {"type": "log", "nice": False}, "axis": {**axis, "title": "score, logarithmic", "values": ticks}}


def _span(one: Bin, length: float) -> Chart:
    alerts = f"{count(one.alerts)} alert{'' if one.alerts == 1 else 's'}"
    text = f"{alerts} in {rows(one.rows)}; median score {number(one.median)}, highest {number(one.highest)}"
    return {"time": one.start, "middle": one.start + length / 2, "end": one.start + length, "text": text}

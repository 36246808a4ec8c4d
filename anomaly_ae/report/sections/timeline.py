"""Scores over time: the median, the highest score and the alerts of each time bin."""

from anomaly_ae.report.charts import ALERT, INK, NORMAL, PLAIN, QUIET, SHORT, Chart, chart, layer, log_ticks
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.report.timeline import Bin, Timeline, read_timeline, time_column
from anomaly_ae.report.wording import count, number, rows

_LOG_FROM = 30
"""The axis is logarithmic if scores differ by at least this factor."""

TIME: Chart = {"field": "time", "type": "temporal", "scale": {"type": "utc"}}
TIME_AXIS = {"grid": False, "tickCount": 8, "labelOverlap": "greedy", "title": None}
_SIDE = {"minExtent": 44, "maxExtent": 44}


def section(source: ReportSource) -> PageSection | None:
    """Return both charts; None if the table has no datetime column."""
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
    """Return the chart of the median and the highest score of each bin, with the threshold."""
    values = [
        {
            **_span(time_bin, timeline.length),
            "median": time_bin.median,
            "highest": time_bin.highest,
            "alert": time_bin.alerts > 0,
        }
        for time_bin in timeline.bins
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
    """Return the chart of the alerts of each bin."""
    values = [{**_span(time_bin, timeline.length), "alerts": time_bin.alerts} for time_bin in timeline.bins]
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
    lowest = min(*(time_bin.median for time_bin in timeline.bins), threshold)
    highest = max(*(time_bin.highest for time_bin in timeline.bins), threshold)
    axis: Chart = {"title": "anomaly score", "tickCount": 5, "labelExpr": PLAIN, **_SIDE}
    if lowest <= 0 or highest < _LOG_FROM * lowest:
        return {"scale": {"zero": False}, "axis": axis}
    ticks = [tick for tick in log_ticks(lowest, highest) if highest < 100 * lowest or f"{tick:e}"[0] == "1"]
    return {"scale": {"type": "log", "nice": False}, "axis": {**axis, "title": "score, logarithmic", "values": ticks}}


def _span(time_bin: Bin, length: float) -> Chart:
    start, alerts = time_bin.start, time_bin.alerts
    scores = f"median score {number(time_bin.median)}, highest {number(time_bin.highest)}"
    text = f"{count(alerts)} alert{'' if alerts == 1 else 's'} in {rows(time_bin.rows)}; {scores}"
    return {"time": start, "middle": start + length / 2, "end": start + length, "text": text}

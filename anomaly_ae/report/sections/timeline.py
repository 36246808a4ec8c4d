"""Scores over time: the median and the highest score, and the alerts, of each stretch of time."""

from anomaly_ae.report.charts import ALERT, INK, NORMAL, QUIET, SHORT, Chart, chart, layer
from anomaly_ae.report.section import Section
from anomaly_ae.report.source import Source
from anomaly_ae.report.timeline import Bin, Timeline, read_timeline, time_column
from anomaly_ae.report.wording import count, number, rows

LOG_FROM = 30
"""Scores that differ by this factor are drawn on a logarithmic axis."""

TIME = {"field": "time", "type": "temporal", "scale": {"type": "utc"}}
TIME_AXIS = {"grid": False, "tickCount": 8, "labelOverlap": "greedy", "title": None}
SIDE = {"minExtent": 44, "maxExtent": 44}


def section(source: Source) -> Section | None:
    """Return both charts; None where the table has no column of moments."""
    column = time_column(source.parts[0]) if source.parts else None
    timeline = read_timeline(source.parts, column, source.tally.counts()) if column else None
    if timeline is None:
        return None
    charts = {
        "chart-time-scores": scores_chart(timeline, source.manifest.threshold),
        "chart-time-alerts": alerts_chart(timeline),
    }
    return Section("timeline", "Time", timeline, charts)


def scores_chart(timeline: Timeline, threshold: float) -> Chart:
    """Draw the median and the highest score of each stretch of time, with the threshold."""
    values: list[Chart] = [
        {"time": one.start, "median": one.median, "highest": one.highest, "alert": one.alerts > 0, "text": _text(one)}
        for one in timeline.bins
    ]
    lowest = min(value["median"] for value in values)
    is_log = lowest > 0 and threshold > 0 and max(value["highest"] for value in values) > LOG_FROM * lowest
    scale = {"type": "log", "nice": False} if is_log else {"zero": False}
    axis = {"title": f"anomaly score{', logarithmic' if is_log else ''}", "tickCount": 5, "format": "~g", **SIDE}
    x = {**TIME, "axis": TIME_AXIS}

    def y(field: str) -> Chart:
        return {"field": field, "type": "quantitative", "scale": scale, "axis": axis}

    color = {"condition": {"test": "datum.alert", "value": ALERT}, "value": QUIET}
    cut = [{"cut": threshold, "text": f"threshold {number(threshold)}"}]
    at_cut = {"y": y("cut")}
    layers = [
        layer(values, "rule", {"x": x, "y": y("median"), "y2": {"field": "highest"}, "color": color}, opacity=0.35),
        layer(values, "line", {"x": x, "y": y("median"), "color": {"value": NORMAL}}, strokeWidth=1.5),
        layer(
            values,
            "point",
            {"x": x, "y": y("highest"), "color": color, "tooltip": {"field": "text"}},
            filled=True,
            size=22,
            opacity=1,
        ),
        layer(cut, "rule", at_cut, color=INK, strokeWidth=1.2, strokeDash=[4, 3]),
        layer(
            cut,
            "text",
            {**at_cut, "x": {"value": 0}, "text": {"field": "text"}},
            color=INK,
            align="left",
            dx=4,
            dy=-4,
            baseline="bottom",
        ),
    ]
    return chart("Median and highest anomaly score over time", layers, height=210)


def alerts_chart(timeline: Timeline) -> Chart:
    """Draw the alerts of each stretch of time."""
    values = [
        {"time": one.start, "end": one.start + timeline.length, "alerts": one.alerts, "text": _text(one)}
        for one in timeline.bins
    ]
    axis = {"title": "alerts", "tickCount": 3, "tickMinStep": 1, "labelExpr": SHORT, **SIDE}
    encoding = {
        "x": {**TIME, "axis": TIME_AXIS},
        "x2": {"field": "end"},
        "y": {"field": "alerts", "type": "quantitative", "axis": axis, "scale": {"domainMin": 0}},
        "tooltip": {"field": "text"},
    }
    return chart("Alerts over time", [layer(values, "bar", encoding, color=ALERT, binSpacing=1)], height=80)


def _text(one: Bin) -> str:
    alerts = f"{count(one.alerts)} alert{'' if one.alerts == 1 else 's'}"
    return f"{alerts} in {rows(one.rows)}; median score {number(one.median)}, highest {number(one.highest)}"

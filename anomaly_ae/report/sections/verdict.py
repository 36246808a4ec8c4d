"""The verdict: the number of alerts, how many are probably false, and whether the threshold still holds."""

from dataclasses import dataclass

from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.evaluation.proportions import Rate
from anomaly_ae.monitoring.validity import Validity
from anomaly_ae.report.charts import ALERT, APART, INK, Chart, chart, layer
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.report.verdict import Verdict
from anomaly_ae.report.wording import count, interval, percent, rows


@dataclass(frozen=True)
class FalseAlarmEstimate:
    """The estimated number of false alarms among the alerts.

    Attributes:
        figure: the number, as text.
        meaning: what it counts, and its uncertainty.
    """

    figure: str
    meaning: str


@dataclass(frozen=True)
class Opening:
    """The first section: the verdict, the false-alarm estimate, and whether the threshold still holds.

    Attributes:
        validity: None if it was not checked.
    """

    verdict: Verdict
    false_alarms: FalseAlarmEstimate
    validity: Validity | None


def section(source: ReportSource) -> PageSection:
    """Return the first section of every report."""
    verdict, validity = source.verdict, source.validity
    charts = {"chart-promise": promise_chart(verdict)} if verdict.alerts.rows else {}
    opening = Opening(verdict, estimate_false_alarms(verdict, source.metrics, validity), validity)
    return PageSection("verdict", "Verdict", opening, charts)


def estimate_false_alarms(verdict: Verdict, metrics: Metrics | None, validity: Validity | None) -> FalseAlarmEstimate:
    """Estimate how many alerts are false: from the labels if there are any, else from the promise."""
    if verdict.alerts.count == 0:
        return FalseAlarmEstimate("0", "there is no alert that could be false")
    if metrics and metrics.confusion.tp + metrics.confusion.fp and metrics.normals:
        found = Rate.of(metrics.confusion.fp, metrics.confusion.tp + metrics.confusion.fp)
        return FalseAlarmEstimate(
            count(found.count), _by_labels(found, metrics.split, verdict.alerts.count - found.rows)
        )
    if validity is None:
        return FalseAlarmEstimate("?", "whether the threshold still holds was not judged")
    judged, allowed = verdict.judged, verdict.allowed
    if judged is None or allowed is None:
        return FalseAlarmEstimate("?", "all rows were used to make the model, so false alarms cannot be estimated")
    if validity.verdict == "invalid":
        meaning = f"the threshold does not hold here, so all {count(judged.count)} alerts may be false"
        return FalseAlarmEstimate("Unknown", meaning)
    low, high = (min(bound, judged.count) for bound in allowed)
    figure = count(high) if low == high else f"{count(low)} to {count(high)}"
    alerts = f"the {count(judged.count)} alerts on new rows"
    return FalseAlarmEstimate(figure, f"of {alerts} would be false if nearly all were normal")


def _by_labels(found: Rate, split: str, others: int) -> str:
    """Return how many alerts are false by their labels, and how many were not evaluated."""
    alerts = f"{count(found.rows)} alert{'' if found.rows == 1 else 's'}"
    judged = f"of {alerts} on {'test' if split == 'test' else 'labelled'} rows"
    share = f"{percent(found.share)}; 95% interval {interval(found.low, found.high)}"
    left_out = "other is on a row" if others == 1 else "others are on rows"
    rest = f". {count(others)} {left_out} used to make the model or without a label" if others else ""
    return f"{judged} {'is' if found.count == 1 else 'are'} false: {share}{rest}"


def promise_chart(verdict: Verdict) -> Chart:
    """Return the chart of the observed rates with their intervals, the promise, and its range by chance."""
    marks = _observed(verdict)
    bands = [_band(marks[-1], verdict.allowed)] if verdict.allowed else []
    limit = min(1, 1.15 * max([verdict.limit, *(mark["high"] for mark in [*bands, *marks])]))
    promise = {
        "target": verdict.limit,
        "text": f"{'promised: at most' if verdict.is_promised else 'expected:'} {percent(verdict.limit)}",
    }
    x = {"type": "quantitative", "scale": {"domain": [0, limit], "nice": False}}
    axis = {"format": "~p", "grid": False, "tickCount": 5, **APART, "title": "share of rows flagged"}
    names = {"labelLimit": 200, "domain": False, "ticks": False, "labelPadding": 10, "labelFontSize": 12}
    order = [mark["name"] for mark in marks]
    y = {"field": "name", "type": "nominal", "sort": order, "scale": {"domain": order}, "title": None, "axis": names}
    span = {"x": {"field": "low", **x, "axis": axis}, "x2": {"field": "high"}, "y": y, "tooltip": {"field": "text"}}
    dot = {"x": {"field": "share", **x}, "y": y, "tooltip": {"field": "text"}}
    target = {"x": {"field": "target", **x}}
    named = {**target, "text": {"field": "text"}, "y": {"value": 0}}
    side = "left" if verdict.limit < 0.6 * limit else "right"
    layers = [
        layer(bands, "bar", span, color=ALERT, opacity=0.16, height=18),
        layer([promise], "rule", target, color=ALERT, strokeWidth=1.5, strokeDash=[4, 3]),
        layer(
            [promise], "text", named, color=ALERT, align=side, dx=5 if side == "left" else -5, baseline="bottom", dy=-4
        ),
        layer(marks, "rule", span, color=INK, strokeWidth=2),
        layer(marks, "point", dot, color=INK, filled=True, size=70, opacity=1),
    ]
    return chart("Share of rows flagged, against the promise", layers, height=34 * len(marks))


def _observed(verdict: Verdict) -> list[Chart]:
    """Return the observed rates; the verdict, if there is one, is based on the last."""
    named = {"all rows scored": verdict.alerts, "rows new to the model": verdict.unseen}
    if verdict.are_normal:
        named["rows labelled normal"] = verdict.judged
    elif verdict.judged != (verdict.unseen or verdict.alerts):
        named["new rows, without labelled anomalies"] = verdict.judged
    return [_interval(name, rate) for name, rate in named.items() if rate and rate.rows]


def _band(judged: Chart, allowed: tuple[int, int]) -> Chart:
    """Return the range by chance if the promise holds."""
    low, high = allowed
    text = f"{count(low)} to {count(high)} false alarms would be usual"
    return {"name": judged["name"], "low": low / judged["rows"], "high": high / judged["rows"], "text": text}


def _interval(name: str, rate: Rate) -> Chart:
    bounds = f"95% interval {interval(rate.low, rate.high)}"
    text = f"{count(rate.count)} of {rows(rate.rows)}: {percent(rate.share)}, {bounds}"
    return {"name": name, "rows": rate.rows, "share": rate.share, "low": rate.low, "high": rate.high, "text": text}

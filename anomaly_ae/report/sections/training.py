"""Training: the training loss and the early-stopping loss over the steps."""

from anomaly_ae.report.charts import NORMAL, QUIET, Chart, chart, layer
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.training import Check

_LOG_FROM = 20
"""The axis is logarithmic if losses differ by more than this factor."""

_POINTS = 500


def section(source: ReportSource) -> PageSection:
    """Return the losses; empty if the network was not trained."""
    history = _thin(source.about.history)
    return PageSection("training", "Training", history, {"chart-training": _training_chart(history)} if history else {})


def _thin(history: tuple[Check, ...]) -> tuple[Check, ...]:
    """Return about `_POINTS` evenly spaced checks, including the last."""
    stride = -(-len(history) // _POINTS) or 1
    return (*history[:-1:stride], *history[-1:])


def _training_chart(history: tuple[Check, ...]) -> Chart:
    """Return the chart of the training loss and the early-stopping loss over the steps."""
    names = {"loss": "train", "early_stopping_loss": "early stopping"}
    losses = [
        {"step": check.step, "loss": getattr(check, key), "of": name}
        for key, name in names.items()
        for check in history
        if getattr(check, key) is not None
    ]
    values = [loss["loss"] for loss in losses]
    is_log = bool(values) and min(values) > 0 and max(values) > _LOG_FROM * min(values)
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
    return chart("Loss during training", [layer(losses, "line", encoding, strokeWidth=2, **mark)], height=220)

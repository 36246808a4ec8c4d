"""Flow `evaluate`: a scored table gets its verdict, its metrics and its report."""

from typing import Any

from prefect import flow, task

from anomaly_ae.spec import Section
from anomaly_ae.stages.evaluate import evaluate as evaluate_step
from anomaly_ae.stages.monitor import monitor
from anomaly_ae.stages.report import report as report_step
from anomaly_ae.storage import locate
from anomaly_ae.workspace.registry import model_that_scored

from .events import log_step
from .settings import COMPUTES, MOVES


class EvaluateParameters(Section):
    """Which scored table.

    Attributes:
        scored: directory in a workspace's `scored/`.
    """

    scored: str


@task(**COMPUTES)
def monitor_scored(scored: str, model: str) -> dict[str, str]:
    """Write whether the threshold still holds on a scored table; return verdict and meaning."""
    validity = monitor(locate(scored), locate(model))
    log_step("monitor", {"directory": scored, "rows": validity.rows, "verdict": validity.verdict})
    return {"verdict": validity.verdict, "meaning": validity.meaning}


@task(**COMPUTES)
def evaluate_scored(scored: str) -> dict[str, Any] | None:
    """Write the metrics of a scored table, where labels exist."""
    metrics = evaluate_step(locate(scored))
    counts = metrics.model_dump(mode="json", include={"rows", "anomalies", "precision", "recall"}) if metrics else {}
    log_step("evaluate", {"directory": scored, "rows": 0} | counts)
    return metrics.model_dump(mode="json") if metrics else None


@task(**MOVES)
def report_scored(scored: str, model: str) -> str:
    """Write the report of a scored table; return its path."""
    page = str(report_step(locate(scored), locate(model)))
    log_step("report", {"page": page})
    return page


@flow(name="evaluate", result_serializer="json")
def evaluate(parameters: EvaluateParameters) -> dict[str, Any]:
    """Write verdict, metrics and report of a scored table anew."""
    model = str(model_that_scored(locate(parameters.scored)))
    validity = monitor_scored(parameters.scored, model)
    metrics = evaluate_scored(parameters.scored)
    return {"validity": validity, "metrics": metrics, "report": report_scored(parameters.scored, model)}

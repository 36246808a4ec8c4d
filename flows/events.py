"""What a run tells the outside: a structured log line a step, and events.

There is one for each scored table, each partition that is refused, and each version that the gate decided on.

Event labels are text and carry decisions, which automations match (`automations.py`); numbers are in the payload.
"""

import json
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.events import emit_event
from prefect.runtime import flow_run

from anomaly_ae.monitoring.validity import Validity
from anomaly_ae.stages.monitor import VALIDITY
from anomaly_ae.stages.promote import Promotion
from anomaly_ae.storage import locate, read_json, read_manifest

SCORED = "anomaly_ae.scored"
REFUSED = "anomaly_ae.refused"
PROMOTION = "anomaly_ae.promotion"
MODEL_RESOURCE = "anomaly_ae.model."
UNKNOWN = "unknown"
COUNTS = ("rows_in", "rows_scored", "rows_rejected", "alerts", "threshold")


def log_step(step: str, result: dict[str, Any]) -> None:
    """Log what a step made as one line of JSON: the run, the step, its paths and row counts."""
    facts = {key: value for key, value in result.items() if not isinstance(value, dict | list)}
    get_run_logger().info(json.dumps({"step": step, "run_id": flow_run.id, **facts}))


def announce_scored(scored: dict[str, Any]) -> dict[str, str]:
    """Log a scored table, and emit `anomaly_ae.scored` with what was judged of it as labels.

    Args:
        scored: result of the scoring step, as JSON.

    Returns:
        The labels.
    """
    log_step("score", scored)
    directory = locate(scored["directory"])
    manifest, labels = read_manifest(directory, "scored"), judgements(directory)
    emit_event(
        SCORED,
        resource={**model_resource(manifest["model_name"]), **labels},
        payload={**{name: scored[name] for name in COUNTS}, **scored_by(manifest), "directory": scored["directory"]},
    )
    return labels


def announce_refused(model: str, partition: str, reason: str) -> None:
    """Log that the files of a partition are at fault and were not scored, and emit `anomaly_ae.refused`."""
    facts = {"step": "refuse", "run_id": flow_run.id, "partition": partition, "reason": reason}
    get_run_logger().warning(json.dumps(facts))
    emit_event(REFUSED, resource=model_resource(model), payload={"partition": partition, "reason": reason})


def announce_promotion(model: str, made: Promotion) -> None:
    """Log what became of a version that was to be champion, and emit `anomaly_ae.promotion` with it as label."""
    facts = {"name": model, "outcome": made.outcome, "version": made.version, "before": made.before}
    log_step("promote", facts | {"against": "; ".join(made.refusals)})
    payload = {**facts, "findings": list(made.findings), "refusals": list(made.refusals)}
    emit_event(PROMOTION, resource={**model_resource(model), "outcome": made.outcome}, payload=payload)


def model_resource(name: str) -> dict[str, str]:
    """Return the labels that say which model an event is about."""
    return {"prefect.resource.id": f"{MODEL_RESOURCE}{name}", "prefect.resource.name": name}


def scored_by(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return which model version and threshold a table was scored with, and in which run."""
    return {name: manifest[name] for name in ("model_version", "calibration_id", "run_id")}


def judgements(scored: Path) -> dict[str, str]:
    """Return what was judged of a scored table: whether its threshold holds, and whether it alerts too often."""
    if not (scored / VALIDITY).exists():
        return {"verdict": UNKNOWN, "alert-rate": UNKNOWN}
    validity = Validity.model_validate(read_json(scored / VALIDITY))
    if validity.alerts is None:
        return {"verdict": validity.verdict, "alert-rate": UNKNOWN}
    return {"verdict": validity.verdict, "alert-rate": "high" if validity.alerts.is_many_more else "usual"}

"""What a run tells the outside: a structured log line per stage, and events.

There is one for each scored table, each partition that is refused, and each version that the gate decided on.

Event labels are text and carry decisions, which automations match (`automations.py`); numbers are in the payload.
"""

import json
from typing import Any

from prefect import get_run_logger
from prefect.events import emit_event
from prefect.runtime import flow_run

from anomaly_ae.monitoring.validity import Validity
from anomaly_ae.stages.promote import Promotion
from anomaly_ae.stages.score import ScoreResult

SCORED = "anomaly_ae.scored"
REFUSED = "anomaly_ae.refused"
PROMOTION = "anomaly_ae.promotion"
MODEL_RESOURCE = "anomaly_ae.model."
UNKNOWN = "unknown"
COUNTS = ("rows_in", "rows_scored", "rows_rejected", "alerts", "threshold")


def log_stage(stage: str, made: dict[str, Any]) -> None:
    """Log what a stage made as one line of JSON: the run, the stage, its paths and row counts."""
    facts = {key: value for key, value in made.items() if not isinstance(value, dict | list)}
    get_run_logger().info(json.dumps({"stage": stage, "run_id": flow_run.id, **facts}))


def announce_scored(made: ScoreResult) -> dict[str, str]:
    """Emit `anomaly_ae.scored`, with what was judged of the table as labels.

    Returns:
        The labels.
    """
    table, labels = made.table, judgements(made.table.validity)
    facts = made.facts()
    emit_event(
        SCORED,
        resource={**model_resource(table.manifest.model_name), **labels},
        payload={
            **{name: facts[name] for name in (*COUNTS, "directory")},
            **table.manifest.model_dump(mode="json", include={"model_version", "calibration_id", "run_id"}),
        },
    )
    return labels


def announce_refused(model: str, partition: str, reason: str) -> None:
    """Log that the files of a partition are at fault and were not scored, and emit `anomaly_ae.refused`."""
    facts = {"stage": "refuse", "run_id": flow_run.id, "partition": partition, "reason": reason}
    get_run_logger().warning(json.dumps(facts))
    emit_event(REFUSED, resource=model_resource(model), payload={"partition": partition, "reason": reason})


def announce_promotion(model: str, made: Promotion) -> None:
    """Log what became of a version that was to be champion, and emit `anomaly_ae.promotion` with it as label."""
    facts = {"name": model, "outcome": made.outcome, "version": made.version, "before": made.before}
    log_stage("promote", facts | {"against": "; ".join(made.refusals)})
    payload = {**facts, "findings": list(made.findings), "refusals": list(made.refusals)}
    emit_event(PROMOTION, resource={**model_resource(model), "outcome": made.outcome}, payload=payload)


def model_resource(name: str) -> dict[str, str]:
    """Return the labels that say which model an event is about."""
    return {"prefect.resource.id": f"{MODEL_RESOURCE}{name}", "prefect.resource.name": name}


def judgements(validity: Validity | None) -> dict[str, str]:
    """Return what was judged of a scored table: whether its threshold holds, and whether it alerts too often."""
    if validity is None:
        return {"verdict": UNKNOWN, "alert-rate": UNKNOWN}
    if validity.alerts is None or validity.verdict == UNKNOWN:
        return {"verdict": validity.verdict, "alert-rate": UNKNOWN}
    return {"verdict": validity.verdict, "alert-rate": "high" if validity.alerts.is_many_more else "usual"}

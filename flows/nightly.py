"""Flow `score`, deployed as `score/nightly`: of a source that grows, what is new or changed is scored."""

from datetime import date
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from anomaly_ae.ingest.partitions import By, Partition
from anomaly_ae.registry import find_model
from anomaly_ae.spec import Section, Spec
from anomaly_ae.steps import incremental as step
from anomaly_ae.steps.incremental import IncrementalResult, Plan
from anomaly_ae.steps.score import result_of
from flows.events import announce_scored, log_step
from flows.score import RUNNER
from flows.settings import COMPUTES, as_json

MOST_TASKS = 100
"""The server spends some 30 ms on each task run; of more partitions, a task scores several."""
KINDS = ("new", "changed", "rescored", "late", "vanished", "done")


class NightlyParameters(Section):
    """What grows, and which of it to score.

    Attributes:
        source: a directory or a glob; its files are read as the model's training data were.
        name: the model's name; its champion scores.
        workspace: where the model is, and where the scored tables go.
        by: what is scored as one: a file, or all files with the same date in their names.
        since: only what is of this day or later.
        until: only what is of this day or earlier.
        rescore: also what another model version or threshold scored.
    """

    source: str
    name: str = Spec.model_fields["name"].default
    workspace: str = Spec.model_fields["workspace"].default
    by: By = "file"
    since: date | None = None
    until: date | None = None
    rescore: bool = False


@task(**COMPUTES)
def score_partitions(partitions: tuple[Partition, ...], what: Plan) -> dict[str, dict[str, str]]:
    """Score some partitions, and tell the outside of each; one that cannot be scored does not stop the others."""
    scored, failed = step.score_each(partitions, what, str(flow_run.id))
    for made in scored.values():
        announce_scored(as_json(made))
    for key, why in failed.items():
        get_run_logger().error("%s could not be scored: %s", key, why)
    return {"scored": {key: str(made.directory) for key, made in scored.items()}, "failed": failed}


@flow(name="score", result_serializer="json", task_runner=RUNNER)
def nightly(parameters: NightlyParameters) -> dict[str, Any]:
    """Score what is new or changed, partition by partition; fail in the end if any partition could not be scored."""
    model, asked = find_model(Path(parameters.workspace), parameters.name), parameters
    what = step.plan(
        asked.source,
        model,
        Path(asked.workspace),
        by=asked.by,
        since=asked.since,
        until=asked.until,
        rescore=asked.rescore,
    )
    futures = [score_partitions.submit(some, what) for some in share_out(what.pending)]
    result = gather(what, [future.result() for future in futures])
    log_step("nightly", {kind: len(getattr(result, kind)) for kind in (*KINDS, "failed")})
    create_markdown_artifact(summarise(result), key="anomaly-ae-nightly", description="What was scored of what came in")
    result.raise_if_failed()
    return as_json(result)


def share_out(partitions: tuple[Partition, ...]) -> list[tuple[Partition, ...]]:
    """Give each task one partition, or several of them where there are more than tasks."""
    return [partitions[number::MOST_TASKS] for number in range(min(MOST_TASKS, len(partitions)))]


def gather(what: Plan, made: list[dict[str, dict[str, str]]]) -> IncrementalResult:
    """Put together what the tasks did."""
    scored = {key: result_of(Path(path), reused=False) for one in made for key, path in one["scored"].items()}
    return step.conclude(what, scored, {key: why for one in made for key, why in one["failed"].items()})


def summarise(result: IncrementalResult) -> str:
    """Return as Markdown which partitions were scored, with their alerts, and which were not, and why."""
    counts = [f"| {kind} | {len(getattr(result, kind))} |" for kind in (*KINDS, "failed")]
    rows = [
        f"| `{key}` | {made.rows_scored} | {made.alerts} | `{made.directory}` |" for key, made in result.scored.items()
    ]
    table = ["", "| partition | rows | alerts | scored table |", "|---|---|---|---|", *rows] if rows else []
    failed = [f"- `{key}`: {why}" for key, why in result.failed.items()]
    listed = [f"- {kind}: {', '.join(getattr(result, kind))}" for kind in ("late", "vanished") if getattr(result, kind)]
    return "\n".join(["| partitions | |", "|---|---|", *counts, *table, "", *failed, *listed, ""])

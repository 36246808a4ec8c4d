"""Flow `score-new`, deployed as `score-new/nightly`: of a source that grows, what is new or changed is scored."""

from datetime import date
from typing import Annotated, Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from pydantic import Field

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.source import By, Partition
from anomaly_ae.spec import Section, Spec
from anomaly_ae.stages import incremental
from anomaly_ae.stages.incremental import IncrementalResult, PartitionOutcomes
from anomaly_ae.stages.plan import ScoringPlan, ScoringTarget, plan
from anomaly_ae.stages.score import ScoreResult
from anomaly_ae.storage import locate
from anomaly_ae.workspace.ledger import Ledger
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredTable
from anomaly_ae.workspace.workspace import Workspace

from .events import announce_refused, announce_scored, log_stage
from .runners import share_out, task_runner
from .settings import COMPUTES

LISTED = ("late", "waiting", "vanished")
KINDS = ("new", "changed", "rescored", *LISTED, "done", "refused", "refused_before", "failed")


class NightlyParameters(Section):
    """What grows, and which of it to score.

    Attributes:
        source: a directory or a glob; its files are read as the model's training data were.
        name: the model's name; its champion scores.
        workspace: where the model is, and where the scored tables go.
        by: what is scored as one: a file; all files with the same date in their names (`day`); or, of tables that
            grow, all rows of a day of the time column (`time`).
        since: only what is of this day or later.
        until: only what is of this day or earlier.
        rescore: also what another model version or threshold scored, and what was refused.
        settle_days: by time, a day waits until it is so many days ago; 0 scores today as far as it is there.
        only: only partitions with these keys; default: all. `fan-out/on-demand` gives each run its share this way.
    """

    source: str
    name: str = Spec.model_fields["name"].default
    workspace: str = Spec.model_fields["workspace"].default
    by: By = "file"
    since: date | None = None
    until: date | None = None
    rescore: bool = False
    settle_days: Annotated[int, Field(ge=0)] = 1
    only: tuple[str, ...] = ()


@task(**COMPUTES)
def score_partitions(partitions: tuple[Partition, ...], model: str, workspace: str, ledger: str) -> dict[str, Any]:
    """Score some partitions, and announce each; one that cannot be scored does not stop the others."""
    version = ModelVersion.open(locate(model))
    target = ScoringTarget(version, Workspace.open(workspace), Ledger(locate(ledger)))
    made = incremental.score_each(partitions, target, str(flow_run.id))
    for table in made.scored.values():
        log_stage("score", table.facts())
        announce_scored(table)
    for key, why in made.refused.items():
        announce_refused(version.name, key, why)
    for key, why in made.failed.items():
        get_run_logger().error("%s could not be scored: %s", key, why)
    tables = {key: str(table.directory) for key, table in made.scored.items()}
    return {"scored": tables, "refused": made.refused, "failed": made.failed}


@flow(name="score-new", result_serializer="json", task_runner=task_runner())
def nightly(parameters: NightlyParameters) -> dict[str, Any]:
    """Score what is new or changed, partition by partition; fail in the end if one could not be scored.

    Files that are at fault themselves are refused and announced; they fail the run only if nothing was scored.
    """
    planned = plan_of(parameters)
    where = [
        str(place) for place in (planned.target.model.directory, parameters.workspace, planned.target.ledger.directory)
    ]
    futures = [score_partitions.submit(share, *where) for share in share_out(pending_of(planned, parameters.only))]
    result = gather(planned, [future.result() for future in futures])
    log_stage("score-new", {kind: len(getattr(result, kind)) for kind in KINDS} | rows_of(result))
    create_markdown_artifact(summarise(result), key="anomaly-ae-nightly", description="What was scored of what came in")
    result.raise_if_failed()
    return result.facts()


def plan_of(asked: NightlyParameters) -> ScoringPlan:
    """Compare a source with what its champion has scored."""
    workspace = Workspace.open(asked.workspace)
    return plan(
        asked.source,
        workspace.aliased_model(asked.name),
        workspace,
        by=asked.by,
        since=asked.since,
        until=asked.until,
        rescore=asked.rescore,
        settle_days=asked.settle_days,
    )


def pending_of(planned: ScoringPlan, only: tuple[str, ...]) -> tuple[Partition, ...]:
    """Return what is to be scored, or those of it that are named; what another run has scored meanwhile is not.

    Raises:
        SourceError: one that is named does not exist.
    """
    known = {partition.key for partition in (*planned.pending, *planned.done)} | planned.refused.keys()
    if missing := [key for key in only if key not in known]:
        msg = f"there is no partition {', '.join(missing)}; its files were taken away, or `only` names it wrongly"
        raise SourceError(msg)
    return tuple(partition for partition in planned.pending if partition.key in only or not only)


def gather(planned: ScoringPlan, made: list[dict[str, Any]]) -> IncrementalResult:
    """Put together what the tasks did."""
    outcomes = PartitionOutcomes()
    for share in made:
        tables = {key: ScoredTable.open(locate(path)) for key, path in share["scored"].items()}
        outcomes.scored.update({key: ScoreResult(table, reused=False) for key, table in tables.items()})
        outcomes.refused.update(share["refused"])
        outcomes.failed.update(share["failed"])
    return incremental.conclude(planned, outcomes)


def rows_of(result: IncrementalResult) -> dict[str, int]:
    """Return how many rows came in, were scored, were rejected and are alerts, in all tables of a run."""
    counts = ("rows_in", "rows_scored", "rows_rejected", "alerts")
    return {name: sum(getattr(made, name) for made in result.scored.values()) for name in counts}


def summarise(result: IncrementalResult) -> str:
    """Return as Markdown which partitions were scored, with their alerts, and which were not, and why."""
    counts = [f"| {kind.replace('_', ' ')} | {len(getattr(result, kind))} |" for kind in KINDS]
    rows = [
        f"| `{key}` | {made.rows_scored} | {made.alerts} | `{made.directory}` |" for key, made in result.scored.items()
    ]
    table = ["", "| partition | rows | alerts | scored table |", "|---|---|---|---|", *rows] if rows else []
    unscored = {**result.failed, **result.refused, **result.refused_before}
    why_not = [f"- `{key}`: {why}" for key, why in unscored.items()]
    listed = [f"- {kind}: {', '.join(getattr(result, kind))}" for kind in LISTED if getattr(result, kind)]
    return "\n".join(["| partitions | |", "|---|---|", *counts, *table, "", *why_not, *listed, ""])

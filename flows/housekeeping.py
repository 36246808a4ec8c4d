"""Flow `housekeeping`: removes what nothing refers to any more, and the history of old runs."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from prefect import flow, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun
from prefect.settings import get_current_settings
from pydantic import Field

from anomaly_ae.spec import Section, Spec
from anomaly_ae.stages.prune import prune
from anomaly_ae.workspace.workspace import Workspace

from .events import log_stage
from .settings import MOVES, as_json

Days = Annotated[int, Field(ge=1)]


class HousekeepingParameters(Section):
    """What may be removed.

    Attributes:
        workspace: the workspace whose leftovers and model versions are checked.
        keep_models_days: a model version younger than this is kept even if nothing refers to it.
        keep_runs_days: how long the server keeps a run and its result.
        dry_run: only list what would be removed.
    """

    workspace: str = Spec.model_fields["workspace"].default
    keep_models_days: Days = 90
    keep_runs_days: Days = 30
    dry_run: bool = True


@task(**MOVES)
def prune_workspace(workspace: str, keep_days: int, dry_run: bool) -> dict[str, Any]:
    """Remove leftovers of dead processes and model versions that nothing names."""
    return as_json(prune(Workspace.open(workspace), timedelta(days=keep_days), dry_run=dry_run))


@task(**MOVES)
def forget_runs(keep_days: int, dry_run: bool) -> int:
    """Delete finished runs that were due more than `keep_days` ago from the server; return how many."""
    with get_client(sync_client=True) as client:
        old = finished_before(client, datetime.now(UTC) - timedelta(days=keep_days))
        for run in () if dry_run else old:
            client.delete_flow_run(run.id)
    return len(old)


def finished_before(client: SyncPrefectClient, time: datetime) -> list[FlowRun]:
    """Return the finished runs that were due before a time, all pages of them."""
    finished = FlowRunFilter(
        expected_start_time=FlowRunFilterExpectedStartTime(before_=time),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(TERMINAL_STATES))),
    )
    runs: list[FlowRun] = []
    while page := client.read_flow_runs(flow_run_filter=finished, offset=len(runs)):
        runs += page
    return runs


@task(**MOVES)
def forget_results(keep_days: int, dry_run: bool) -> int:
    """Delete results older than `keep_days` from the place where Prefect stores them; return how many."""
    long_ago = (datetime.now(UTC) - timedelta(days=keep_days)).timestamp()
    storage = get_current_settings().results.local_storage_path
    old = [path for path in storage.rglob("*") if path.is_file() and path.stat().st_mtime < long_ago]
    for path in () if dry_run else old:
        path.unlink(missing_ok=True)
    return len(old)


@flow(name="housekeeping", result_serializer="json")
def housekeeping(parameters: HousekeepingParameters) -> dict[str, Any]:
    """Remove what is old and unreferenced; by default only list it."""
    dry_run = parameters.dry_run
    done = {
        "dry_run": dry_run,
        "runs": forget_runs(parameters.keep_runs_days, dry_run),
        "results": forget_results(parameters.keep_runs_days, dry_run),
    }
    pruned = prune_workspace(parameters.workspace, parameters.keep_models_days, dry_run)
    log_stage("housekeeping", {**done, **{name: len(paths) for name, paths in pruned.items()}})
    return {**done, **pruned}

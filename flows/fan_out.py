"""Flow `fan-out`: of a source that grows, what is new is shared by all workers there are.

It only makes runs of `score-new/partitions`, and ends; whichever worker is free takes the next. It holds no place that
one of them would wait for.
"""

from itertools import count
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun

from anomaly_ae.ingest.source import Partition
from anomaly_ae.stages.plan import ScoringPlan
from anomaly_ae.storage import fingerprint

from .events import log_stage
from .nightly import NightlyParameters, pending_of, plan_of
from .runners import share_out

SHARE = "score-new/partitions"


@flow(name="fan-out", result_serializer="json")
def fan_out(parameters: NightlyParameters) -> dict[str, Any]:
    """Make a run for each partition that is new or changed, or for several where there are very many."""
    planned = plan_of(parameters)
    pending = pending_of(planned, parameters.only)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(SHARE).id
        shares = {str(run_of(client, deployment, some, planned, parameters).id): some for some in share_out(pending)}
    log_stage("fan-out", {"partitions": len(pending), "runs": len(shares)})
    return {run: [one.key for one in some] for run, some in shares.items()}


def run_of(
    client: SyncPrefectClient,
    deployment: UUID,
    share: tuple[Partition, ...],
    planned: ScoringPlan,
    asked: NightlyParameters,
) -> FlowRun:
    """Make the run that scores a share, or find it: asked for twice, it is one as long as it has not ended.

    One that has ended, and left its share as it was, is followed by another.
    """
    mine = asked.model_copy(update={"only": tuple(one.key for one in share)}).model_dump(mode="json")
    key = fingerprint([mine, planned.target.model.version, [one.stamp() for one in share]])
    runs = (
        client.create_flow_run_from_deployment(
            deployment, parameters={"parameters": mine}, idempotency_key=f"{key}-{attempt}"
        )
        for attempt in count(1)
    )
    return next(run for run in runs if not (run.state and run.state.is_final()))

"""Flow `recover`: repeats a run whose process died, with the same parameters, a limited number of times.

An automation starts it for each crashed run of a deployment (`automations.py`). What the dead run published is found
by its fingerprint and reused.
"""

from typing import Annotated, Any
from uuid import UUID

from prefect import flow, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from pydantic import Field

from anomaly_ae.spec import Section

REPEAT = "repeat-"
"""Prefix of a repeated run's tag; the number of the repetition follows."""


class RecoverParameters(Section):
    """Which run to repeat.

    Attributes:
        flow_run_id: the crashed run.
        repeats: how often a run may be repeated, as a run that kills its worker must not do so for ever.
    """

    flow_run_id: UUID
    repeats: Annotated[int, Field(ge=0)] = 2


@flow(name="recover", result_serializer="json")
def recover(parameters: RecoverParameters) -> dict[str, Any]:
    """Repeat a crashed run of a deployment, unless it has been repeated often enough."""
    with get_client(sync_client=True) as client:
        crashed = client.read_flow_run(parameters.flow_run_id)
        refused = why_not(crashed, parameters.repeats)
        if refused or crashed.deployment_id is None:
            get_run_logger().error("%s is not repeated: %s", crashed.name, refused)
            return {"crashed": crashed.name, "repeated": None}
        again = _repeat(client, crashed, crashed.deployment_id)
    get_run_logger().warning("%s died and is repeated as %s", crashed.name, again.name)
    return {"crashed": crashed.name, "repeated": str(again.id)}


def why_not(run: FlowRun, repeats: int) -> str | None:
    """Return why a run must not be repeated, or None if it may be."""
    if run.state is None or not run.state.is_crashed():
        return "it has not crashed"
    if run.deployment_id is None:
        return "it belongs to no deployment"
    if repeats_of(run) >= repeats:
        return f"it was repeated {repeats} times already; see the logs, fix the cause and run it by hand"
    return None


def repeats_of(run: FlowRun) -> int:
    """Return how many repetitions led to this run; 0 if `recover` did not create it."""
    return max((int(tag.removeprefix(REPEAT)) for tag in run.tags if tag.startswith(REPEAT)), default=0)


def _repeat(client: SyncPrefectClient, crashed: FlowRun, deployment: UUID) -> FlowRun:
    """Create the run again; for a second request about the same crash the server returns the same run."""
    return client.create_flow_run_from_deployment(
        deployment,
        parameters=crashed.parameters,
        tags=[f"{REPEAT}{repeats_of(crashed) + 1}"],
        idempotency_key=f"{REPEAT}{crashed.id}",
    )

"""Flow `recover`: a run whose process died is repeated, with the same parameters, a few times at most.

An automation starts it for each crashed run of a deployment (`automations.py`). What the dead run had published is
found again by its fingerprint, so the repetition only does the rest.
"""

from typing import Annotated, Any
from uuid import UUID

from prefect import flow, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from pydantic import Field

from anomaly_ae.spec import Section

REPEAT = "repeat-"
"""Tag of a repeated run, with its number."""


class RecoverParameters(Section):
    """Which run to repeat.

    Attributes:
        flow_run_id: the crashed run.
        repeats: how often one run may be repeated; a run that kills its worker must not do so for ever.
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
    """Return why a run is not to be repeated, or None."""
    if run.state is None or not run.state.is_crashed():
        return "it has not crashed"
    if run.deployment_id is None:
        return "it belongs to no deployment"
    if repeats_of(run) >= repeats:
        return f"it was repeated {repeats} times already; see the logs, mend the cause and run it by hand"
    return None


def repeats_of(run: FlowRun) -> int:
    """Return how many repetitions led to this run: 0 for one that was not made by `recover`."""
    return max((int(tag.removeprefix(REPEAT)) for tag in run.tags if tag.startswith(REPEAT)), default=0)


def _repeat(client: SyncPrefectClient, crashed: FlowRun, deployment: UUID) -> FlowRun:
    """Make the run again; asked twice for the same crash, the server answers with the same run."""
    return client.create_flow_run_from_deployment(
        deployment,
        parameters=crashed.parameters,
        tags=[f"{REPEAT}{repeats_of(crashed) + 1}"],
        idempotency_key=f"{REPEAT}{crashed.id}",
    )

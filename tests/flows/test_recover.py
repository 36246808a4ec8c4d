"""Recovery and housekeeping against a real server: what is repeated, how often, and what is forgotten."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, Crashed, Scheduled, State

from flows.housekeeping import HousekeepingParameters, housekeeping
from flows.ingest import ingest
from flows.recover import RecoverParameters, recover, why_not

PARAMETERS = {"parameters": {"data": {"source": "x.csv"}}}


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    """A client of the tests' server."""
    with get_client(sync_client=True) as one:
        yield one


@pytest.fixture
def deployment(client: SyncPrefectClient) -> UUID:
    """A deployment that no worker serves."""
    return client.create_deployment(client.create_flow(ingest), name=f"test-{uuid4().hex}", entrypoint="flows.ingest")


def crash(client: SyncPrefectClient, run: FlowRun) -> UUID:
    """Let a run end as the automation marks a zombie."""
    client.set_flow_run_state(run.id, Crashed(), force=True)
    return run.id


def repeat(client: SyncPrefectClient, crashed: UUID) -> FlowRun:
    """Recover a run, and return its repetition."""
    done = recover(RecoverParameters(flow_run_id=crashed))
    return client.read_flow_run(UUID(done["repeated"]))


def test_a_crashed_run_is_repeated_once_with_its_parameters(client: SyncPrefectClient, deployment: UUID) -> None:
    """The repetition is a run of the same deployment with the same parameters; asked twice, there is one."""
    crashed = crash(client, client.create_flow_run_from_deployment(deployment, parameters=PARAMETERS))

    again = repeat(client, crashed)

    assert (again.deployment_id, again.parameters, again.tags) == (deployment, PARAMETERS, ["repeat-1"])
    assert repeat(client, crashed).id == again.id


def test_a_run_that_keeps_crashing_is_given_up(client: SyncPrefectClient, deployment: UUID) -> None:
    """After two repetitions a person must look."""
    first = crash(client, client.create_flow_run_from_deployment(deployment, parameters=PARAMETERS))
    second = crash(client, repeat(client, first))
    third = crash(client, repeat(client, second))

    assert client.read_flow_run(third).tags == ["repeat-2"]
    assert recover(RecoverParameters(flow_run_id=third))["repeated"] is None


@pytest.mark.parametrize(
    ("state", "deployment_id", "reason"),
    [(Completed(), uuid4(), "has not crashed"), (Crashed(), None, "no deployment"), (Crashed(), uuid4(), None)],
)
def test_only_crashed_runs_of_deployments_are_repeated(
    state: State[None], deployment_id: UUID | None, reason: str | None
) -> None:
    """A zombie that turned out to live, and a run started by hand, are left alone."""
    run = FlowRun(flow_id=uuid4(), state=state, deployment_id=deployment_id)

    refused = why_not(run, repeats=2)

    assert refused is None if reason is None else reason in str(refused)


def test_old_runs_are_forgotten_and_young_ones_kept(
    client: SyncPrefectClient, deployment: UUID, tmp_path: Path
) -> None:
    """Finished runs older than the limit go, but only when it is no dry run; unfinished ones stay however old."""
    long_ago = datetime.now(UTC) - timedelta(days=100)
    old, waiting, young = (
        client.create_flow_run_from_deployment(deployment, parameters=PARAMETERS, state=Scheduled(scheduled_time=due))
        for due in (long_ago, long_ago, datetime.now(UTC))
    )
    for finished in (old, young):
        client.set_flow_run_state(finished.id, Completed(), force=True)
    settings = HousekeepingParameters(workspace=str(tmp_path), keep_runs_days=30)

    assert housekeeping(settings)["runs"] == 1
    assert client.read_flow_run(old.id)

    housekeeping(settings.model_copy(update={"dry_run": False}))

    with pytest.raises(ObjectNotFound):
        client.read_flow_run(old.id)
    assert client.read_flow_run(young.id)
    assert client.read_flow_run(waiting.id)

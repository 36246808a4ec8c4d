"""Two workers, as on two machines, on one server with PostgreSQL: they share the runs, and each row is scored once.

Takes about a minute and a half. Each worker has its own home; they share the server's address and the workspace.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from installation_support import Installation, Pages, published, wait_for
from postgres_support import run_postgres
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from tests_support import write_table

from anomaly_ae.spec.file import parse_spec
from anomaly_ae.stages.incremental import score_new
from anomaly_ae.stages.pipeline import run
from anomaly_ae.stages.plan import plan
from anomaly_ae.workspace.workspace import Workspace

pytestmark = pytest.mark.e2e

DAYS = [f"2026-10-0{day}.csv" for day in range(1, 5)]


@dataclass(frozen=True)
class Machines:
    """A server with its worker, and one more worker.

    Attributes:
        first: server and worker.
        second: only a worker.
        workspace: what both share.
        model: the champion.
    """

    first: Installation
    second: Installation
    workspace: Path
    model: Path

    def start(self, deployment: str, **parameters: str) -> UUID:
        """Start a run; whichever worker is free takes it."""
        given = {"name": "plant", "workspace": str(self.workspace), **parameters}
        with self.first.client() as client:
            known = client.read_deployment_by_name(deployment).id
            return client.create_flow_run_from_deployment(known, parameters={"parameters": given}).id

    def shares(self) -> dict[UUID, list[str]]:
        """Return the partitions of each run that fan-out created."""
        with self.first.client() as client:
            made_by = DeploymentFilter(name=DeploymentFilterName(any_=["partitions"]))
            runs = client.read_flow_runs(deployment_filter=made_by)
        return {one.id: one.parameters["parameters"]["only"] for one in runs}

    def finish(self, *runs: UUID) -> None:
        """Wait until all runs have completed."""

        def ended() -> list[FlowRun]:
            with self.first.client() as client:
                found = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=list(runs))))
            return found if all(one.state and one.state.is_final() for one in found) else []

        found = wait_for(ended, "the end of the runs")
        assert [one.state_name for one in found] == ["Completed"] * len(runs)

    def taken(self, run: UUID) -> str:
        """Return the worker whose log says that it started a run; both may have tried."""
        with self.first.client() as client:
            started = f"Flow run '{client.read_flow_run(run).name}' submitted"
        logs = {"first": self.first, "second": self.second}
        (name,) = [name for name, one in logs.items() if started in (one.root / ".prefect/worker.log").read_text()]
        return name


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Server, database and two workers, with a champion and four days to score."""
    first, second = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
    shared = tmp_path_factory.mktemp("shared")
    write_table(shared / "plant.csv", rows=2_000)
    (shared / "in").mkdir()
    for number, day in enumerate(DAYS):
        write_table(shared / "in" / day, rows=1_000 + number)
    data = {"source": str(shared / "plant.csv"), "label": {"column": "anomaly", "anomaly_values": [1]}}
    spec = {"name": "plant", "workspace": str(shared / "runs"), "data": data, "training": {"steps": 30}}
    model = run(parse_spec(spec)).trained.directory
    with run_postgres() as database:
        server = Installation.prepare(first, Pages(), {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database})
        worker = Installation.prepare(second, Pages(), {"PREFECT_API_URL": server.url})
        try:
            server.run("-m", "flows.installation", "up", "--runs", "1")
            worker.run("-m", "flows.installation", "worker", "--runs", "1")
            yield Machines(server, worker, shared / "runs", model)
        finally:
            worker.down()
            server.down()


def entries(workspace: Path) -> dict[str, Path]:
    """Return the scored table that counts for each partition."""
    found = [json.loads(path.read_text()) for path in workspace.glob("partitions/**/*.csv.json")]
    return {one["partition"]: workspace / one["scored"] for one in found}


def test_two_workers_share_the_partitions(machines: Machines, tmp_path: Path) -> None:
    """Fan-out makes a run a day; both workers take some; each day is scored once, to the bytes of a single process."""
    source, copy = str(machines.workspace.parent / "in"), tmp_path / "runs"
    shutil.copytree(machines.workspace, copy)

    machines.finish(machines.start("fan-out/on-demand", source=source))
    shares = machines.shares()
    machines.finish(*shares)

    assert sorted(key for keys in shares.values() for key in keys) == DAYS
    assert {machines.taken(run) for run in shares} == {"first", "second"}
    tables = entries(machines.workspace)
    by_run = {json.loads((tables[day] / "manifest.json").read_text())["run_id"]: [day] for day in DAYS}
    assert by_run == {str(run): keys for run, keys in shares.items()}

    alike = Workspace.open(copy)
    score_new(plan(source, alike.model(machines.model.name), alike))
    alone = entries(copy)
    assert {day: published(tables[day]) for day in DAYS} == {day: published(alone[day]) for day in DAYS}


def test_the_same_rows_at_once_are_one_table(machines: Machines) -> None:
    """Two runs on two workers score one new file at the same time: both end well, with the same single table."""
    new = machines.workspace.parent / "new.csv"
    write_table(new, rows=30_000)
    before = set(machines.workspace.glob("scored/*"))

    runs = [machines.start("score/on-demand", source=str(new)) for _ in range(2)]
    machines.finish(*runs)

    assert {machines.taken(run) for run in runs} == {"first", "second"}
    (table,) = set(machines.workspace.glob("scored/*")) - before
    assert json.loads((table / "manifest.json").read_text())["rows_scored"] == 30_000

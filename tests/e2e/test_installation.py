"""A whole installation: a server with a password, a worker, runs started from a shell, and a worker that dies.

Takes about two minutes, most of them spent waiting for a missing heartbeat. `make e2e` runs only these tests.
"""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from installation_support import Installation, published, receive_pages, wait_for
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.events import Event, Resource
from tests_support import write_table

from anomaly_ae.spec.file import parse_spec
from anomaly_ae.stages.pipeline import run
from flows.events import MODEL_RESOURCE, PROMOTION, REFUSED, SCORED, model_resource

pytestmark = pytest.mark.e2e

NEW = {"source": "new.csv", "name": "plant"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running installation with a champion and new rows to score."""
    root = tmp_path_factory.mktemp("installation")
    write_table(root / "plant.csv", rows=2_000)
    write_table(root / "new.csv", rows=60_000)
    label = {"column": "anomaly", "anomaly_values": [1]}
    data = {"source": str(root / "plant.csv"), "id": "part_id", "label": label}
    workspace = str(root / "anomaly_ae_runs")
    run(parse_spec({"name": "plant", "workspace": workspace, "data": data, "training": {"steps": 30}}))
    with receive_pages() as pages:
        one = Installation.prepare(root, pages)
        try:
            one.up()
            yield one
        finally:
            one.down()


@pytest.fixture(scope="module")
def undisturbed(installation: Installation) -> dict[str, bytes]:
    """The bytes that an undisturbed run publishes."""
    printed = installation.deployment_run("score/on-demand", "-p", f"parameters={json.dumps(NEW)}", "--watch")
    assert "finished successfully" in printed
    return published(scored_new(installation))


def scored_new(installation: Installation) -> Path:
    """Return the directory of the table scored from new.csv."""
    manifests = (installation.root / "anomaly_ae_runs" / "scored").glob("[!.]*/manifest.json")
    (found,) = [path.parent for path in manifests if json.loads(path.read_text())["source"] == NEW["source"]]
    return found


def runs_tagged(installation: Installation, tag: str) -> list[FlowRun]:
    """Return the runs with a tag."""
    with installation.client() as client:
        return client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[tag])))


def automations(installation: Installation) -> Any:
    """Return the server's automations, whole."""
    with installation.client() as client:
        return client.request("POST", "/automations/filter", json={}).json()


def test_a_run_from_a_shell_leaves_scored_rows_and_a_report(
    installation: Installation, undisturbed: dict[str, bytes]
) -> None:
    """`prefect deployment run --watch` scores a new file; table and report lie in the workspace."""
    scored = scored_new(installation)
    manifest = json.loads((scored / "manifest.json").read_text())

    assert manifest["rows_in"] == manifest["rows_scored"] == 60_000
    assert {"part-00000.parquet", "rejected.parquet", "validity.json"} <= undisturbed.keys()
    assert (scored / "report.html").stat().st_size > 0
    with installation.client() as client:
        assert client.read_flow_run(manifest["run_id"]).name


def test_a_bad_parameter_makes_no_run(installation: Installation) -> None:
    """The shell is told which field is wrong, and the server has no run more."""
    with installation.client() as client:
        before = len(client.read_flow_runs())

    told = installation.deployment_run(
        "housekeeping/nightly", "-p", 'parameters={"keep_runs_days": 0}', expect=1
    ) + installation.deployment_run("score/on-demand", "-p", 'parameters={"sauce": "new.csv"}', expect=1)

    assert "parameters.keep_runs_days" in told
    assert "'sauce' was unexpected" in told
    with installation.client() as client:
        assert len(client.read_flow_runs()) == before


def test_schedules_make_runs(installation: Installation) -> None:
    """Each night has its run of scoring and of housekeeping, each week one of training."""
    planned = wait_for(lambda: runs_tagged(installation, "auto-scheduled"), "scheduled runs")

    hours = {
        (run.expected_start_time.hour, run.expected_start_time.minute) for run in planned if run.expected_start_time
    }
    assert len(planned) >= 3
    assert {minute for _, minute in hours} <= {15, 30, 45}


def test_strangers_are_refused(installation: Installation) -> None:
    """Without the password nothing is read or run; with it, no form that a foreign page posts, and no foreign page."""
    runs, settings = f"{installation.url}/flow_runs/filter", f"{installation.url}/admin/settings"
    assert httpx.get(settings).status_code == 401
    assert httpx.get(settings, auth=("e2e", "wrong")).status_code == 401
    assert httpx.post(runs, json={}).status_code in {401, 403}

    answer = httpx.post(runs, json={}, auth=("e2e", "not-a-secret"))
    assert (answer.status_code, "CSRF" in answer.text) == (403, True)

    assert allowed_origin(installation, "https://evil.example") is None
    assert allowed_origin(installation, "https://prefect.example.org") == "https://prefect.example.org"


def allowed_origin(installation: Installation, origin: str) -> str | None:
    """Return the origin whose pages may read the server's answer to a request from this origin."""
    answer = httpx.get(f"{installation.url}/health", headers={"Origin": origin})
    allowed: str | None = answer.headers.get("access-control-allow-origin")
    return allowed


def test_a_person_is_told_of_verdicts(installation: Installation) -> None:
    """A broken threshold, too many alerts, bad files and a worse challenger each send a page; what is fine does not."""
    with installation.client() as client:
        for verdict, rate in (("fine", "usual"), ("invalid", "usual"), ("drifting", "high")):
            labels = {"prefect.resource.id": f"{MODEL_RESOURCE}{verdict}", "prefect.resource.name": verdict}
            resource = Resource({**labels, "verdict": verdict, "alert-rate": rate})
            event = Event(event=SCORED, resource=resource, payload={"rows_scored": 1})
            client.request("POST", "/events", json=[event.model_dump(mode="json")])
        for kind, outcome in ((REFUSED, ""), (PROMOTION, "promoted"), (PROMOTION, "refused")):
            event = Event(
                event=kind, resource=Resource({**model_resource("plant"), "outcome": outcome}), payload={"n": 2}
            )
            client.request("POST", "/events", json=[event.model_dump(mode="json")])
    pages = installation.pages

    invalid = wait_for(lambda: pages.about("threshold invalid"), "page on the threshold")
    high = wait_for(lambda: pages.about("alert rate high"), "page on the alert rate")

    assert [(page["model"], page["scored"]["rows_scored"]) for page in invalid] == [("invalid", 1)]
    assert [page["model"] for page in high] == ["drifting"]
    for what in ("partition refused", "promotion refused"):
        (told,) = wait_for(lambda what=what: pages.about(what), f"page on {what}")
        assert (told["model"], told["about"]) == ("plant", {"n": 2})


def test_a_killed_worker_and_its_run_recover(installation: Installation, undisturbed: dict[str, bytes]) -> None:
    """Worker and flow die while rows are scored: the run is found dead and repeated, and publishes the same bytes.

    `up` starts the worker again and nothing else: the server and each automation stay as they were.
    """
    installation.forget(scored_new(installation))
    workspace = installation.root / "anomaly_ae_runs"
    installation.deployment_run("score/on-demand", "-p", f"parameters={json.dumps(NEW)}")
    wait_for(lambda: list(workspace.glob("scored/.staging-*/*")), "a table being scored", pause=0.001)
    installation.kill_worker()
    assert not [path for path in workspace.glob("scored/[!.]*") if not (path / "manifest.json").is_file()]

    before = (installation.pid("server"), automations(installation))
    installation.up()
    assert (installation.pid("server"), automations(installation)) == before
    (again,) = wait_for(
        lambda: [run for run in runs_tagged(installation, "repeat-1") if run.state and run.state.is_final()],
        "the repeated run",
    )

    assert again.state is not None
    assert again.state.is_completed()
    assert published(scored_new(installation)) == undisturbed
    assert not list(workspace.glob("*/.staging-*"))
    told = wait_for(lambda: installation.pages.about("run failed"), "page on the crash")
    assert any("No sign of life" in page["message"] for page in told)


def test_nothing_has_to_be_unpickled(installation: Installation, undisturbed: dict[str, bytes]) -> None:
    """Every result that Prefect stores is JSON, in a home that only its user can open."""
    assert undisturbed
    home = installation.root / ".prefect"
    kept = [path for path in (home / "storage").rglob("*") if path.is_file()]

    assert stat.S_IMODE(home.stat().st_mode) == stat.S_IRWXU

    assert kept
    assert all(json.loads(path.read_text(encoding="utf-8")) for path in kept)


def test_down_stops_what_up_started(installation: Installation) -> None:
    """Server and worker are gone, and nothing answers at their address."""
    assert installation.down().split() == ["worker", "stopped", "server", "stopped"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{installation.url}/health")

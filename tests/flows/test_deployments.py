"""prefect.yaml: every deployment can be imported, is scheduled as it says, and is given parameters its flow accepts."""

from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.schema_tools import validate
from pydantic import BaseModel
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILE = YAML(typ="safe").load(ROOT / "prefect.yaml")


def flow_of(deployment: dict[str, Any]) -> Flow[..., Any]:
    """Import the flow of a deployment, as a worker does."""
    return load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)


def name_of(deployment: dict[str, Any]) -> str:
    """Return what a shell calls it: flow/deployment."""
    return f"{flow_of(deployment).name}/{deployment['name']}"


DEPLOYMENTS = {name_of(one): one for one in FILE["deployments"]}


def test_what_must_be_there_is_there() -> None:
    """Nightly scoring, weekly training, the same on demand, the gate, thresholds, housekeeping; no name twice."""
    assert len(DEPLOYMENTS) == len(FILE["deployments"])
    assert set(DEPLOYMENTS) == {
        "ingest/on-demand",
        "score-new/nightly",
        "fan-out/on-demand",
        "score-new/partitions",
        "score/on-demand",
        "train/weekly",
        "train/on-demand",
        "promote/on-demand",
        "rollback/on-demand",
        "calibrate/on-demand",
        "evaluate/on-demand",
        "housekeeping/nightly",
        "recover/crashed",
    }


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_parameters_are_what_the_flow_accepts(name: str) -> None:
    """What a deployment sets passes the flow's schema; what it leaves out is either all or nothing."""
    deployment = DEPLOYMENTS[name]
    given = deployment.get("parameters", {})

    if given:
        validate(given, flow_of(deployment).parameters.model_dump(), preprocess=False)
        flow_of(deployment).validate_parameters(given)
    else:
        assert "schedules" not in deployment


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_flows_take_one_closed_model(name: str) -> None:
    """A flow's only parameter is a model that refuses unknown keys, so that a misspelt one makes no run."""
    flow = flow_of(DEPLOYMENTS[name])
    (parameter,) = flow.fn.__annotations__.keys() - {"return"}
    model = flow.fn.__annotations__[parameter]

    assert issubclass(model, BaseModel)
    assert model.model_config["extra"] == "forbid"


@pytest.mark.parametrize("name", [name for name, one in DEPLOYMENTS.items() if "schedules" in one])
def test_scheduled_runs_never_overlap(name: str) -> None:
    """A schedule names its time zone and itself, and a run that comes due while another runs is cancelled."""
    deployment = DEPLOYMENTS[name]
    for schedule in deployment["schedules"]:
        CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
        assert schedule["slug"]

    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_killed_worker_does_not_break_the_pipe_of_its_runs(name: str) -> None:
    """Runs write no output to their worker, and all share one pool."""
    assert DEPLOYMENTS[name]["work_pool"] == {"name": "local", "job_variables": {"stream_output": False}}

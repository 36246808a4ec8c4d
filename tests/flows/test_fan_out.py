"""Fan-out: a run per partition, the same run if asked twice, another one when it ended without having scored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.states import Failed
from tests_support import write_table

from anomaly_ae.errors import SourceError
from anomaly_ae.spec import DataSpec, Spec
from anomaly_ae.stages.pipeline import TRAINING, Run, run_stages
from flows.fan_out import SHARE, fan_out
from flows.nightly import NightlyParameters, nightly

MONDAY, TUESDAY = "2026-10-05.csv", "2026-10-06.csv"


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    """A client of a server that knows the deployment, and has no worker."""
    with get_client(sync_client=True) as one:
        one.create_deployment(one.create_flow(nightly), name=SHARE.partition("/")[2], entrypoint="flows.nightly")
        yield one


@pytest.fixture
def parameters(tmp_path: Path) -> NightlyParameters:
    """A champion, and a folder of two days."""
    write_table(tmp_path / "plant.csv")
    (tmp_path / "in").mkdir()
    for day in (MONDAY, TUESDAY):
        write_table(tmp_path / "in" / day, rows=60)
    workspace, label = tmp_path / "runs", {"column": "anomaly", "anomaly_values": [1]}
    data = DataSpec.model_validate({"source": str(tmp_path / "plant.csv"), "label": label})
    spec = Spec.model_validate({"workspace": str(workspace), "data": data, "training": {"steps": 5}})
    run_stages(Run.of(spec), TRAINING)
    return NightlyParameters(source=str(tmp_path / "in"), workspace=str(workspace))


def score_as_a_worker(client: SyncPrefectClient, run: str) -> dict[str, Any]:
    """Do what a run is asked for."""
    return nightly(**nightly.validate_parameters(client.read_flow_run(UUID(run)).parameters))


def test_each_partition_has_a_run_that_scores_it_alone(
    client: SyncPrefectClient, parameters: NightlyParameters
) -> None:
    """The run of a day scores that day and no other; what is scored gets no run again."""
    shares = {keys[0]: run for run, keys in fan_out(parameters).items()}
    assert shares.keys() == {MONDAY, TUESDAY}

    done = score_as_a_worker(client, shares[TUESDAY])

    assert list(done["scored"]) == [TUESDAY]
    assert list(fan_out(parameters).values()) == [[MONDAY]]


def test_asked_twice_there_is_one_run(client: SyncPrefectClient, parameters: NightlyParameters) -> None:
    """As long as its run has not ended, a partition gets no other, unless its content is another by now."""
    first = fan_out(parameters)
    assert fan_out(parameters) == first

    write_table(Path(parameters.source) / MONDAY, rows=90)

    assert len(fan_out(parameters).keys() - first.keys()) == 1
    assert {client.read_flow_run(UUID(run)).state_name for run in first} == {"Scheduled"}


def test_a_run_that_failed_is_followed_by_another(client: SyncPrefectClient, parameters: NightlyParameters) -> None:
    """The next night tries again what the last one could not."""
    (run, *_) = first = fan_out(parameters)
    client.set_flow_run_state(UUID(run), Failed(), force=True)

    second = fan_out(parameters)

    assert run not in second
    assert len(second.keys() & first.keys()) == 1
    assert sorted(second.values()) == [[MONDAY], [TUESDAY]]


def test_a_partition_scored_meanwhile_is_left(parameters: NightlyParameters) -> None:
    """A run that comes late finds its partition done, by whomever, and has nothing to do."""
    share = parameters.model_copy(update={"only": (MONDAY,)})

    assert list(nightly(share)["scored"]) == [MONDAY]
    assert nightly(share)["scored"] == {}


def test_a_partition_that_is_not_there_is_refused(parameters: NightlyParameters) -> None:
    """A file that was taken away before its run came, or a key that never was, fails the run by its name."""
    with pytest.raises(SourceError, match=r"no partition 2026-10-07\.csv"):
        nightly(parameters.model_copy(update={"only": ("2026-10-07.csv",)}))

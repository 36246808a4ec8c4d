"""Where tasks run: what may be asked for, and that a cluster's processes make the same bytes as threads."""

import importlib.util
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest
from prefect.task_runners import ThreadPoolTaskRunner
from tests_support import write_table

from anomaly_ae.errors import SpecError
from anomaly_ae.ingest import writer
from anomaly_ae.spec import DataSpec, Spec
from anomaly_ae.stages.pipeline import TRAINING, Run, run_stages
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import ModelVersion
from flows import stages as flow
from flows.runners import ADDRESS, CHOICE, share_out, task_runner
from flows.score import ScoreParameters, score


def ask_for(name: str, address: str = "") -> Any:
    """Return the runner of an environment."""
    return task_runner({CHOICE: name, ADDRESS: address})


def test_threads_unless_said_otherwise() -> None:
    """Nothing set, or set to nothing, is the threads of the flow's own process."""
    assert isinstance(task_runner({}), ThreadPoolTaskRunner)
    assert isinstance(ask_for(""), ThreadPoolTaskRunner)
    assert isinstance(ask_for("threads"), ThreadPoolTaskRunner)


@pytest.mark.parametrize(("name", "told"), [("dsk", "did you mean 'dask'"), ("celery", "threads, dask, ray")])
def test_an_unknown_runner_is_refused(name: str, told: str) -> None:
    """A misspelt name is told the nearest one that there is; any other, all of them."""
    with pytest.raises(SpecError, match=told):
        ask_for(name)


def test_threads_have_no_address() -> None:
    """A cluster that nobody would use is refused: somebody forgot to say which kind it is."""
    with pytest.raises(SpecError, match="set ANOMALY_AE_TASK_RUNNER to dask or ray"):
        ask_for("threads", "tcp://10.0.0.1:8786")


@pytest.mark.skipif(importlib.util.find_spec("prefect_ray") is not None, reason="the extra `ray` is installed")
def test_a_runner_whose_extra_is_not_installed_names_it() -> None:
    """What is missing is told with the command that installs it."""
    with pytest.raises(SpecError, match=r"prefect_ray is not installed; pip install 'anomaly_ae\[ray\]'"):
        ask_for("ray")


def test_an_address_is_where_the_runner_goes() -> None:
    """With an address no cluster is started; the runner is told where there is one."""
    assert ask_for("dask", "tcp://10.0.0.1:8786").address == "tcp://10.0.0.1:8786"


def test_more_items_than_tasks_are_shared_out() -> None:
    """However many parts or partitions there are, a run has at most a hundred tasks, and each item is in one."""
    shares = share_out(range(250))

    assert [len(share) for share in shares] == [3] * 50 + [2] * 50
    assert sorted(item for share in shares for item in share) == list(range(250))
    assert share_out(()) == []


@pytest.fixture
def parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScoreParameters:
    """A champion, and a table that comes in six parts."""
    write_table(tmp_path / "plant.csv")
    workspace, label = tmp_path / "runs", {"column": "anomaly", "anomaly_values": [1]}
    data = DataSpec.model_validate({"source": str(tmp_path / "plant.csv"), "label": label})
    spec = Spec.model_validate({"workspace": str(workspace), "data": data, "training": {"steps": 5}})
    run_stages(Run.of(spec), TRAINING)
    monkeypatch.setattr(writer, "GROUP_ROWS", 50)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # Dask leaves its scratch space there
    write_table(tmp_path / "new.csv", rows=6 * writer.PART_GROUPS * writer.GROUP_ROWS)
    return ScoreParameters(source=str(tmp_path / "new.csv"), workspace=str(workspace))


@pytest.fixture
def pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that gets a file for each process that scores a part."""
    directory = tmp_path / "pids"
    directory.mkdir()
    real = flow.score_part

    def noted(part: Path, dataset: Dataset, model: ModelVersion, staging: Path) -> int:
        (directory / str(os.getpid())).touch()
        return real(part, dataset, model, staging)

    monkeypatch.setattr(flow, "score_part", noted)
    return directory


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_cluster_makes_the_bytes_that_threads_make(name: str, parameters: ScoreParameters, pids: Path) -> None:
    """Two processes of a cluster share the parts; table and report are those of a run on threads."""
    pytest.importorskip(f"prefect_{name}", reason=f"the extra `{name}` is not installed")
    on_threads = score_on("threads", parameters)
    assert names(pids) == {str(os.getpid())}

    on_cluster = score_on(name, parameters)

    assert sum(name.startswith("part-") for name in on_threads) == 6
    assert on_cluster == on_threads
    assert len(names(pids)) == 3


@pytest.mark.soak
def test_a_node_that_dies_has_its_part_scored_elsewhere(
    parameters: ScoreParameters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that scores a part is killed once: the run ends well, with the bytes of an undisturbed one."""
    pytest.importorskip("prefect_dask", reason="the extra `dask` is not installed")
    undisturbed = score_on("threads", parameters)
    real, killed = flow.score_part, tmp_path / "killed"

    def dies_once(part: Path, dataset: Dataset, model: ModelVersion, staging: Path) -> int:
        alerts = real(part, dataset, model, staging)
        if part.name == "part-00003.parquet" and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return alerts

    monkeypatch.setattr(flow, "score_part", dies_once)

    assert score_on("dask", parameters) == undisturbed
    assert killed.exists()


def names(directory: Path) -> set[str]:
    """Return what is in a directory."""
    return {path.name for path in directory.iterdir()}


def score_on(name: str, parameters: ScoreParameters) -> dict[str, bytes]:
    """Score anew on a runner; return what does not say when and by which run it was made."""
    for known in Path(parameters.workspace).glob("scored/*"):
        known.rename(known.with_name(f".kept-{known.name}"))
    done = score.with_options(task_runner=ask_for(name))(parameters)
    says_when = {"manifest.json", "report.html"}
    scored = Path(done["scored"]["directory"])
    return {path.name: path.read_bytes() for path in sorted(scored.iterdir()) if path.name not in says_when}

"""Several processes train together what one trains alone, publish it once, and none waits for a dead one."""

import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from tests_support import run_cli, write_table
from warm_process import WarmProcess

from anomaly_ae.errors import TrainingError
from anomaly_ae.spec.file import dump_spec, parse_spec
from anomaly_ae.training import ALONE, ProcessGroup, join
from anomaly_ae.workspace.model_version import VALIDATION_SCORES, WEIGHTS, ModelVersion

VICTIM = """
import os, signal, sys
from pathlib import Path
from anomaly_ae.spec.file import load_spec
from anomaly_ae.stages.train import train
from anomaly_ae.training import join
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.workspace import Workspace

with join() as group:
    end = lambda step, _: os.kill(os.getpid(), signal.SIGKILL) if (group.rank, step) == (1, 30) else None
    train(Dataset.open(Path(sys.argv[2])), load_spec(Path(sys.argv[1])), Workspace.open(Path.cwd()), end, group)
"""
AGAIN = "import sys; from anomaly_ae.cli import main; main(['train', *sys.argv[1:]])"
TWO_PROCESSES = ["--standalone", "--nproc-per-node", "2"]


@dataclass(frozen=True)
class Run:
    """A workspace with one model version, and what the command that made it printed."""

    workspace: Path
    printed: str

    @property
    def model(self) -> Path:
        """The one version."""
        (directory,) = (self.workspace / "models").glob("*")
        return directory


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small table and its spec; batches of an odd number of rows, which two cannot share equally."""
    directory = tmp_path_factory.mktemp("source")
    write_table(directory / "plant.csv", rows=1200)
    settings = {
        "data": {"source": str(directory / "plant.csv"), "id": "part_id", "ignore": ["anomaly"]},
        "network": {"kind": "memory", "hidden": (16, 16)},
        "training": {"steps": 60, "check_every": 10, "batch_size": 101, "checkpoint_seconds": 0, "device": "cpu"},
        "threshold": {"target_fpr": 0.05},
    }
    path = directory / "spec.yaml"
    path.write_text(dump_spec(parse_spec(settings)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def alone(spec: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What one process makes."""
    directory = tmp_path_factory.mktemp("alone")
    done = run_cli("train", "--spec", str(spec), "--set", f"workspace={directory}", cwd=directory)
    return Run(directory, done.stdout)


@pytest.fixture(scope="module")
def together(spec: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What two processes make that torchrun has started."""
    directory = tmp_path_factory.mktemp("together")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--log-dir", str(directory / "logs"), *TWO_PROCESSES]
    command = [*torchrun, "-m", "anomaly_ae", "train", "--spec", str(spec), "--set", f"workspace={directory}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stderr
    return Run(directory, done.stdout)


def train_in_a_group(script: str, *arguments: str, cwd: Path | None = None) -> list[tuple[int, str]]:
    """Run a script as both processes of a group; return the exit code and the output of each."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test"}
    processes = [
        WarmProcess.start(script, *arguments, cwd=cwd, environment={"RANK": rank, **group}) for rank in ("0", "1")
    ]
    return [process.finish(timeout=300) for process in processes]


def scores(run: Run) -> np.ndarray:
    """Return the scores of the validation rows, by row."""
    table = pq.read_table(run.model / VALIDATION_SCORES)
    return table.column("anomaly_score").to_numpy()


def test_two_processes_learn_what_one_learns(alone: Run, together: Run) -> None:
    """Weights, scores and threshold agree to four digits: only the order of additions differs."""
    one, two = (load_file(run.model / WEIGHTS) for run in (alone, together))

    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(scores(together), scores(alone), rtol=1e-4)
    thresholds = [ModelVersion.open(run.model).calibration.threshold for run in (alone, together)]
    assert thresholds[1] == pytest.approx(thresholds[0], rel=1e-4)


def test_they_publish_one_version_and_print_once(alone: Run, together: Run) -> None:
    """One version, under a name of its own as its last digits are its own; one process speaks."""
    assert together.model.name != alone.model.name
    assert together.printed.count("model  ") == 1
    assert len(list((together.workspace / "datasets").glob("*"))) == 1


def test_none_waits_for_a_dead_process_and_all_go_on_together(spec: Path, together: Run, tmp_path: Path) -> None:
    """One of two is killed: the other says so and ends; both, started again, go on to the same bytes."""
    dataset = next((together.workspace / "datasets").glob("*"))

    (survivor, said), (victim, _) = train_in_a_group(VICTIM, str(spec), str(dataset), cwd=tmp_path)

    assert victim == -signal.SIGKILL
    assert survivor == 1
    assert "TrainingError: another process of this training has ended" in said
    assert not list((tmp_path / "models").glob("[!.]*"))
    (done, printed), (too, _) = train_in_a_group(AGAIN, "--spec", str(spec), "--set", f"workspace={tmp_path}")
    assert (done, too) == (0, 0), printed
    assert "resumed from step" in printed
    resumed = Run(tmp_path, printed)
    for name in (WEIGHTS, VALIDATION_SCORES):
        assert (resumed.model / name).read_bytes() == (together.model / name).read_bytes()


def test_shares_make_up_the_batch() -> None:
    """Each row of a batch is in one share; more processes than rows are refused."""
    batch = torch.arange(2 * 7 * 3.0).view(2, 7, 3)

    shares = [ProcessGroup(rank, 3).share(batch) for rank in range(3)]

    assert [share.shape[1] for share in shares] == [3, 2, 2]
    assert torch.equal(torch.cat(shares, dim=1), batch)
    with pytest.raises(TrainingError, match="a batch of 7 rows cannot be shared by 8 processes"):
        ProcessGroup(0, 8).share(batch)


def test_processes_with_other_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that sees another spec or other rows than the first does not train with it."""
    monkeypatch.setattr(ProcessGroup, "agree", lambda *_: 1.0)
    ProcessGroup(1, 2).refuse_difference(1, "rows")

    with pytest.raises(TrainingError, match=r"process \(1 of 2\) has rows other than the main process's"):
        ProcessGroup(1, 2).refuse_difference(2, "rows")


def test_without_torchrun_one_works_alone() -> None:
    """Nothing is joined, and nothing waits."""
    with join() as group:
        group.wait()

        assert group is ALONE
        assert group.agree(0.1) == 0.1

"""A training that was killed resumes from its last checkpoint, and ends with the bytes of one that was not."""

import logging
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from picture_support import picture_dataset, tiny_backbone
from tests_support import run_cli, write_table
from torch import Tensor
from warm_process import WarmProcess

from anomaly_ae.features.backbones import LOADERS
from anomaly_ae.networks.denoising import DenoisingNetwork
from anomaly_ae.spec import Spec, TrainingSpec
from anomaly_ae.spec.file import change_spec, dump_spec
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.train import TrainResult
from anomaly_ae.stages.train import train as train_step
from anomaly_ae.storage import MANIFEST, read_json, write_json
from anomaly_ae.training import Check, Checkpoints, Conduct, assign_folds, train
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.workspace import Workspace

KILLED = """
import os, signal, sys
from pathlib import Path
from anomaly_ae.spec.file import load_spec
from anomaly_ae.stages.train import train
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.workspace import Workspace

spec, dataset, last_step = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
kill = lambda step, _: os.kill(os.getpid(), signal.SIGKILL) if step == last_step else None
train(Dataset.open(dataset), load_spec(spec), Workspace.open(dataset.parent.parent), kill)
"""
OFTEN = {"steps": 60, "check_every": 10, "patience": 100, "checkpoint_seconds": 0, "device": "cpu"}
TABLES: dict[str, dict[str, Any]] = {
    "memory": {"network": {"kind": "memory", "hidden": (16, 16)}},
    "vae": {"network": {"kind": "vae", "hidden": (16,), "bottleneck": 2}},
    "textbook": {
        "network": {"kind": "textbook", "hidden": (16,)},
        "training": OFTEN | {"optimizer": "sgd", "schedule": "constant"},
    },
}
PICTURES: dict[str, dict[str, Any]] = {
    "pixels": {"network": {"kind": "memory", "hidden": (16, 16)}, "pictures": {"size": 16}},
    "convolutional": {"network": {"kind": "convolutional", "hidden": (8, 16), "bottleneck": 8}},
    "feature maps": {"network": {"kind": "feature_maps", "backbone": "tiny", "grid": 8, "hidden": (32, 32)}},
}


class Killed(BaseException):
    """Stands for anything that ends a process at once."""


def table_spec(**others: Any) -> Spec:
    """Return the spec of a small table."""
    label = {"column": "anomaly", "anomaly_values": [1]}
    data = {"source": "plant.csv", "id": "part_id", "label": label}
    return Spec.model_validate(
        {"data": data, "training": OFTEN, "threshold": {"target_fpr": 0.1}, **TABLES["memory"], **others}
    )


def picture_spec(**others: Any) -> Spec:
    """Return the spec of a few small pictures."""
    settings = {"data": {"source": "unused"}, "split": {"by": "folder"}, "training": OFTEN}
    return Spec.model_validate(settings | {"threshold": {"target_fpr": 0.2}} | others)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Return a dataset of a small table."""
    directory = tmp_path_factory.mktemp("table")
    write_table(directory / "plant.csv")
    data = table_spec().data.model_copy(update={"source": str(directory / "plant.csv")})
    return ingest(data, Workspace.open(directory / "ws")).dataset


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Return a dataset of a few small pictures."""
    return picture_dataset(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def undisturbed(table: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of a training that was not interrupted."""
    return files_of(train_step(table, table_spec(), Workspace.open(tmp_path_factory.mktemp("undisturbed"))))


def stop_at(last_step: int) -> Callable[[int, float], None]:
    """Return a callback that ends a training at a step, before its checkpoint is written."""

    def stop(step: int, _: float) -> None:
        if step == last_step:
            raise Killed

    return stop


def interrupt(dataset: Dataset, spec: Spec, workspace: Path, last_step: int) -> None:
    """Train up to a step."""
    with pytest.raises(Killed):
        train_step(dataset, spec, Workspace.open(workspace), stop_at(last_step))


def files_of(made: TrainResult) -> dict[str, bytes]:
    """Return the files of a version, except the manifest, which holds the time of training."""
    return {
        path.name: path.read_bytes() for path in made.directory.glob("*") if path.is_file() and path.name != MANIFEST
    }


def only_checkpoint(workspace: Path) -> Path:
    """Return the directory of the one checkpoint of a workspace."""
    (path,) = (workspace / "models").glob(".training-*/[!.]*")
    return path


def test_killed_twice_it_ends_as_if_undisturbed(table: Dataset, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    """After two SIGKILLs during training, the third run resumes from the last checkpoint, to the same bytes."""
    spec, workspace = table_spec(), table.directory.parent.parent
    (tmp_path / "spec.yaml").write_text(dump_spec(spec), encoding="utf-8")
    for last_step in ("30", "50"):
        process = WarmProcess.start(KILLED, str(tmp_path / "spec.yaml"), str(table.directory), last_step)
        assert process.finish()[0] == -signal.SIGKILL
        assert int(only_checkpoint(workspace).name) == int(last_step) - 10
    assert not list((workspace / "models").glob("[!.]*"))

    done = train_step(table, spec, Workspace.open(workspace))

    assert done.resumed_from == 40
    assert files_of(done) == undisturbed
    assert not list((workspace / "models").glob(".*"))


@pytest.mark.parametrize("kind", [*TABLES, *PICTURES])
def test_every_kind_of_network_resumes(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Optimizers, schedules and networks of all kinds end with the same bytes, interrupted or not."""
    monkeypatch.setitem(LOADERS, "tiny", tiny_backbone)
    is_table = kind in TABLES
    spec = table_spec(**TABLES[kind]) if is_table else picture_spec(**PICTURES[kind])
    dataset = request.getfixturevalue("table" if is_table else "pictures")
    undisturbed = train_step(dataset, spec, Workspace.open(tmp_path / "undisturbed"))

    interrupt(dataset, spec, tmp_path, 40)
    done = train_step(dataset, spec, Workspace.open(tmp_path))

    assert (undisturbed.resumed_from, done.resumed_from) == (None, 30)
    assert files_of(done) == files_of(undisturbed)


def test_the_command_says_from_where_it_resumed(table: Dataset, tmp_path: Path) -> None:
    """`anomaly-ae train` names the step."""
    spec = change_spec(
        table_spec(), [f"workspace={tmp_path / 'ws'}", f"data.source={table.directory.parents[2] / 'plant.csv'}"]
    )
    (tmp_path / "spec.yaml").write_text(dump_spec(spec), encoding="utf-8")
    interrupt(table, spec, tmp_path / "ws", 40)

    assert "resumed from step 30" in run_cli("train", "--spec", "spec.yaml", cwd=tmp_path).stdout


def flip_a_byte(name: str) -> Callable[[Path], None]:
    """Return a function that changes one byte in the middle of a file."""

    def flip(checkpoint: Path) -> None:
        content = bytearray((checkpoint / name).read_bytes())
        content[len(content) // 2] ^= 1
        (checkpoint / name).write_bytes(content)

    return flip


def rename_version(checkpoint: Path) -> None:
    """Make it the checkpoint of another version."""
    write_json(checkpoint / MANIFEST, read_json(checkpoint / MANIFEST) | {"version": "another"})


UNTRUSTED = {
    "weights changed": flip_a_byte("state.safetensors"),
    "facts changed": flip_a_byte("state.json"),
    "manifest torn": lambda checkpoint: (checkpoint / MANIFEST).write_text('{"kind"'),
    "of another version": rename_version,
    "weights gone": lambda checkpoint: (checkpoint / "state.safetensors").unlink(),
}


@pytest.mark.parametrize("how", UNTRUSTED)
def test_an_untrusted_checkpoint_is_not_used(
    table: Dataset, undisturbed: dict[str, bytes], tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A changed or foreign checkpoint is logged and removed; training starts from scratch, to the same bytes."""
    spec = table_spec()
    interrupt(table, spec, tmp_path, 40)
    UNTRUSTED[how](only_checkpoint(tmp_path))

    done = train_step(table, spec, Workspace.open(tmp_path))

    assert done.resumed_from is None
    assert ["a checkpoint is not used" in record.message for record in caplog.records] == [True]
    assert files_of(done) == undisturbed
    assert not Workspace.open(tmp_path).training_directory(done.version).exists()


def test_another_spec_starts_from_scratch(table: Dataset, tmp_path: Path) -> None:
    """A checkpoint belongs to one version: another seed ignores it, another interval between checkpoints does not."""
    interrupt(table, table_spec(), tmp_path, 40)

    other = train_step(table, table_spec(training=OFTEN | {"seed": 1}), Workspace.open(tmp_path))
    same = train_step(table, table_spec(training=OFTEN | {"checkpoint_seconds": 5}), Workspace.open(tmp_path))

    assert (other.resumed_from, same.resumed_from) == (None, 30)


def test_a_finished_version_leaves_no_checkpoint(table: Dataset, tmp_path: Path) -> None:
    """If a run is killed between publishing and removing its checkpoints, the next run removes them."""
    spec = table_spec()
    made = train_step(table, spec, Workspace.open(tmp_path))
    left = Workspace.open(tmp_path).training_directory(made.version) / "000000060"
    left.mkdir(parents=True)

    again = train_step(table, spec, Workspace.open(tmp_path))

    assert again.reused
    assert list(made.directory.parent.iterdir()) == [made.directory]


@pytest.fixture
def rows() -> Tensor:
    """Return rows of six elements."""
    return torch.randn(300, 6, generator=torch.Generator().manual_seed(0))


def trained(rows: Tensor, conduct: Conduct, **settings: Any) -> tuple[Tensor, list[Check]]:
    """Train a small network; return its weights and its checks."""
    training = TrainingSpec.model_validate(OFTEN | settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = DenoisingNetwork(hidden=(8,), members=2).build(6)
    fold = assign_folds(len(rows), 2, 0.1, 0)
    history = train(network, rows, fold, training, conduct=conduct)
    return torch.cat([one.detach().ravel() for one in network.parameters()]), history


def test_early_stopping_resumes_too(rows: Tensor, tmp_path: Path) -> None:
    """Killed after it stopped early, training does no further step; the best weights are kept."""
    settings = {"steps": 2000, "patience": 3, "learning_rate": 0.1, "schedule": "constant"}
    weights, history = trained(rows, Conduct(checkpoints=Checkpoints(tmp_path, "v1", 0)), **settings)
    told: list[int] = []
    conduct = Conduct(lambda step, _: told.append(step), Checkpoints(tmp_path, "v1", 0))

    again, same = trained(rows, conduct, **settings)

    assert history[-1].step < 2000
    assert told == []
    assert same == history
    assert torch.equal(again, weights)


def test_short_trainings_write_no_checkpoint(rows: Tensor, tmp_path: Path) -> None:
    """A checkpoint is written once the spec's seconds have passed, and only the last is kept."""
    times = count(0, 10)
    every_25_s = Checkpoints(tmp_path, "v1", 25, clock=lambda: float(next(times)))
    seen: list[list[str]] = []

    trained(rows, Conduct(lambda *_: seen.append(sorted(path.name for path in tmp_path.glob("*"))), every_25_s))

    assert seen == [[], [], [], ["000000030"], ["000000030"], ["000000030"]]
    assert [path.name for path in tmp_path.glob("*")] == ["000000060"]


def test_training_continues_where_no_checkpoint_can_be_written(
    rows: Tensor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk, or a directory that cannot be written, costs the checkpoint but not the training; it is logged."""
    (tmp_path / "file").touch()

    weights, _ = trained(rows, Conduct(checkpoints=Checkpoints(tmp_path / "file" / "here", "v1", 0)))

    assert torch.equal(weights, trained(rows, Conduct())[0])
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert "could not be written" in caplog.text

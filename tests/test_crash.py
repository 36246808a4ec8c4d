"""A run killed at any point leaves nothing that looks finished, and the next one makes what it would have made."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests_support import run_cli, write_table

from anomaly_ae.spec_file import dump_spec, parse_spec
from anomaly_ae.storage import MANIFEST, read_json, verify_files

KINDS = ("datasets", "models", "scored")


def staged(kind: str) -> Callable[[Path], bool]:
    """Wait for: something of this kind is being written."""
    return lambda workspace: any((workspace / kind).glob(".staging-*/*"))


def published(kind: str) -> Callable[[Path], bool]:
    """Wait for: something of this kind has appeared."""
    return lambda workspace: any((workspace / kind).glob(f"[!.]*/{MANIFEST}"))


MOMENTS = {
    "while ingest writes": staged("datasets"),
    "while it trains": published("datasets"),
    "while the model is saved": staged("models"),
    "before it scores": published("models"),
    "while it scores": staged("scored"),
    "after it scored": published("scored"),
}


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table large enough that each step takes a while, and its spec."""
    directory = tmp_path_factory.mktemp("source")
    write_table(directory / "plant.csv", rows=40_000)
    label = {"column": "anomaly", "anomaly_values": [1]}
    settings = {"data": {"source": "plant.csv", "id": "part_id", "label": label}, "training": {"steps": 100}}
    path = directory / "spec.yaml"
    path.write_text(dump_spec(parse_spec(settings)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def undisturbed(spec: Path) -> dict[str, bytes]:
    """What a run makes that nobody kills, at the very place where the others are killed."""
    run_cli("run", "--spec", str(spec), cwd=spec.parent)
    return pure_files(spec.parent / "anomaly_ae_runs")


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_run_leaves_nothing_half_done(spec: Path, undisturbed: dict[str, bytes], moment: str) -> None:
    """After SIGKILL a reader sees only whole directories, and a rerun makes every file byte for byte as undisturbed."""
    workspace = spec.parent / "anomaly_ae_runs"
    shutil.rmtree(workspace)
    kill_at(MOMENTS[moment], spec, workspace)

    everything_visible_is_whole(workspace)
    run_cli("run", "--spec", str(spec), cwd=spec.parent)

    assert pure_files(workspace) == undisturbed
    assert not list(workspace.glob("*/.staging-*"))


def kill_at(is_reached: Callable[[Path], bool], spec: Path, workspace: Path) -> None:
    """Start a run in a process of its own and kill it as soon as the moment is reached."""
    command = [sys.executable, "-m", "anomaly_ae", "run", "--spec", str(spec)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=spec.parent)  # noqa: S603 - our own command
    deadline = time.monotonic() + 120
    while not is_reached(workspace) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.0005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before the moment came"


def everything_visible_is_whole(workspace: Path) -> None:
    """Hold every directory a reader would trust, or could take for finished, to its manifest."""
    for kind in KINDS:
        for directory in (workspace / kind).glob("[!.]*"):
            manifest = read_json(directory / MANIFEST)
            verify_files(directory, manifest["files"])


def pure_files(workspace: Path) -> dict[str, bytes]:
    """Return the bytes of every published file, but for manifests, which say when and by which run."""
    paths = [path for kind in KINDS for path in (workspace / kind).glob("[!.]*/*") if path.is_file()]
    skipped = {MANIFEST, "report.html"}
    return {str(path.relative_to(workspace)): path.read_bytes() for path in paths if path.name not in skipped}

"""Prune: what nobody refers to goes, and nothing else."""

import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from anomaly_ae.stages.prune import Pruned, prune
from anomaly_ae.storage import open_staging, publish
from anomaly_ae.workspace.workspace import Workspace

MONTH = timedelta(days=30)


def publish_version(workspace: Workspace, version: str, days_old: int) -> Path:
    """Publish what looks like a model version of that age."""
    with publish(workspace.model_directory(version)) as staging:
        staging.facts.update(kind="model")
        (staging.path / "weights").write_bytes(b"")
    return age(workspace.model_directory(version), days_old)


def publish_scored(workspace: Workspace, version: str) -> None:
    """Publish what looks like a table scored by that version."""
    with publish(workspace.scored_directory(f"by-{version}")) as staging:
        staging.facts.update(kind="scored", model_version=version)


def age(path: Path, days: int) -> Path:
    """Make a directory look as if nothing in it changed for so many days."""
    moment = path.stat().st_mtime - 86_400 * days
    for one in (*path.rglob("*"), path):
        os.utime(one, (moment, moment))
    return path


def dead_pid() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    """A workspace with nothing in it."""
    return Workspace(tmp_path)


@pytest.fixture
def workspace(empty: Workspace) -> Workspace:
    """Four old versions and a young one: a champion, a challenger, one that scored a table, and two unnamed."""
    for version in ("champion", "challenger", "scored", "unused"):
        publish_version(empty, version, days_old=40)
    publish_version(empty, "young", days_old=20)
    empty.registry("plant").set_trained("champion")
    empty.registry("other").set_trained("challenger", "challenger")
    publish_scored(empty, "scored")
    return empty


def versions(workspace: Workspace) -> set[str]:
    """Return the names of the versions that are there."""
    return {path.name for path in (workspace.location / "models").iterdir()}


def test_only_old_versions_that_nothing_names_go(workspace: Workspace) -> None:
    """The champion, a challenger, a version that scored a table and a young one stay."""
    done = prune(workspace, MONTH, dry_run=False)

    assert done == Pruned((), (workspace.model_directory("unused"),))
    assert versions(workspace) == {"champion", "challenger", "scored", "young"}


def test_dry_run_names_and_keeps(workspace: Workspace) -> None:
    """A dry run says what would go, and all of it is still there."""
    done = prune(workspace, MONTH, dry_run=True)

    assert [path.name for path in done.models] == ["unused"]
    assert "unused" in versions(workspace)


def test_no_version_goes_while_something_is_scored(workspace: Workspace) -> None:
    """A run may have been given a version by name."""
    open_staging(workspace.scored_directory("now"))

    assert prune(workspace, MONTH, dry_run=False).models == ()


def test_a_version_calibrated_anew_is_young(workspace: Workspace) -> None:
    """Whoever set another threshold still uses the version."""
    (workspace.model_directory("unused") / "calibration.json").write_text("{}")

    assert prune(workspace, MONTH, dry_run=False).models == ()


def test_leftovers_of_dead_processes_go(empty: Workspace, tmp_path: Path) -> None:
    """A staging directory goes when its process has ended; that of a living one, or of another host today, stays."""
    (tmp_path / "scored").mkdir()
    host = socket.gethostname()
    gone = tmp_path / "scored" / f".staging-aa-{host}-{dead_pid()}-01234567"
    alive = tmp_path / "scored" / f".staging-bb-{host}-{os.getpid()}-01234567"
    elsewhere = tmp_path / "scored" / ".staging-cc-another-host-1-01234567"
    forgotten = tmp_path / "scored" / ".staging-dd-another-host-1-01234567"
    for path in (gone, alive, elsewhere, forgotten):
        path.mkdir()
        (path / "part-00000.parquet").write_bytes(b"half")
    age(forgotten, days=2)

    assert prune(empty, MONTH, dry_run=False).leftovers == (gone, forgotten)
    assert {path.name for path in (tmp_path / "scored").iterdir()} == {alive.name, elsewhere.name}


def test_leftover_files_go(empty: Workspace) -> None:
    """A file that a killed process was writing beside published ones goes after a day."""
    publish_version(empty, "v1", days_old=0)
    leftover = empty.model_directory("v1") / ".staging-calibration.json-01234567"
    leftover.write_text("{")
    assert prune(empty, MONTH, dry_run=False).leftovers == ()

    age(leftover, days=2)

    assert prune(empty, MONTH, dry_run=False).leftovers == (leftover,)
    assert not leftover.exists()


def test_checkpoints_that_nobody_went_on_from_go(empty: Workspace) -> None:
    """The checkpoints of a training that was given up go after a day; those of one under way stay."""
    for version, days in (("given-up", 2), ("under-way", 0)):
        with publish(empty.training_directory(version) / "000000050") as staging:
            staging.facts.update(kind="checkpoint")
        age(empty.training_directory(version), days)

    assert prune(empty, MONTH, dry_run=False).leftovers == (empty.training_directory("given-up"),)
    assert versions(empty) == {".training-under-way"}


def test_an_empty_workspace_is_no_error(tmp_path: Path) -> None:
    """Housekeeping may run before anything else did."""
    assert prune(Workspace(tmp_path / "none"), MONTH, dry_run=False) == Pruned((), ())

"""Full disks, file-size limits and read-only locations give clear errors, and nothing is lost."""

import ctypes
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kill_kinds import KINDS, Scene, contents, succeed
from polling_reader import Reader
from small_disk import mounted
from stepped_process import run_apart

DATA_ERROR = 3
LINUX_CAPABILITIES, CAP_DAC_OVERRIDE = 0x20080522, 1 << 1
"""Version of the interface, and the set of one capability, as in linux/capability.h."""


def first(*kinds: str) -> list[Any]:
    """Return these kinds for every test run, and the others that write something for the soak."""
    others = [kind for kind in ("ingest", "train", "calibrate", "score", "report", "register") if kind not in kinds]
    return [*kinds, *(pytest.param(kind, marks=pytest.mark.soak) for kind in others)]


@pytest.mark.parametrize("kind", first("ingest", "calibrate", "score"))
def test_a_file_size_limit_and_missing_permissions(tmp_path: Path, kind: str) -> None:
    """A command that may write only small files, or none, reports it and changes nothing; repaired, it succeeds."""
    scene = Scene(tmp_path / kind, KINDS[kind])

    refused(scene, "ulimit -f", limit_files)
    with closed(scene.workspace):
        refused(scene, "permission is denied", obey_permissions)

    repaired(scene)


@pytest.mark.parametrize("kind", first("train", "score"))
def test_a_full_and_a_read_only_disk(tmp_path: Path, kind: str) -> None:
    """On a full disk a command reports the free space, on a read-only one that it is; repaired, it succeeds."""
    with mounted(tmp_path / "disk") as disk:
        scene = Scene(disk.path / kind, KINDS[kind])

        with disk.filled():
            refused(scene, "no space is left (0.0 MB free in")
        with disk.read_only():
            refused(scene, "the file system is read-only")

        repaired(scene)


@pytest.mark.soak
@pytest.mark.parametrize("free", [4096 * pages for pages in range(1, 24, 2)])
def test_a_disk_that_fills_up_meanwhile(tmp_path: Path, free: int) -> None:
    """However far a command gets before the disk is full, old results stay, and no new one is incomplete."""
    with mounted(tmp_path / "disk") as disk:
        for kind in ("ingest", "train", "score"):
            scene = Scene(disk.path / kind, KINDS[kind])
            with disk.filled(free):
                code, printed = run_apart(scene.kind.command, scene.directory)
                assert code == 0 or (code == DATA_ERROR and "no space is left" in printed)
                Reader(scene.workspace).look()
                assert not hidden(scene)
            repaired(scene)


def refused(scene: Scene, reason: str, before: Callable[[], None] | None = None) -> None:
    """Run the command, expect it to be refused for this reason, and check that it changed nothing."""
    code, printed = run_apart(scene.kind.command, scene.directory, before)
    assert (code, printed.partition(":")[0]) == (DATA_ERROR, "StorageError"), printed
    assert reason in printed
    assert "run again: published results are intact" in printed
    assert contents(scene.workspace) == scene.before
    assert not hidden(scene)


def repaired(scene: Scene) -> None:
    """Check that the command now gives the same results as undisturbed."""
    succeed(scene.kind.command, scene.directory)
    made = contents(scene.workspace)
    assert made == scene.undisturbed()


@contextmanager
def closed(workspace: Path) -> Iterator[None]:
    """Make all directories of a workspace read-only."""
    folders = [workspace, *(path for path in workspace.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        yield
    finally:
        for folder in folders:
            folder.chmod(0o755)


def hidden(scene: Scene) -> list[Path]:
    """Return the files left behind."""
    return list(scene.workspace.rglob(".*"))


def limit_files() -> None:
    """Limit this process to files of at most 100 bytes; Python ignores the signal, so larger writes fail."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))


def obey_permissions() -> None:
    """Drop root's capability to write where permissions forbid it."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(LINUX_CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    sets[0] &= ~CAP_DAC_OVERRIDE
    assert libc.capset(header, sets) == 0

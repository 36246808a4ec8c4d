"""A disk that is full, a limit that is reached, a place that is read-only: said in words, and nothing is lost."""

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
def test_a_limit_and_a_place_that_is_not_ours(tmp_path: Path, kind: str) -> None:
    """Where it may write only small files, or none, a command says so and leaves all as it was; then it does it all."""
    scene = Scene(tmp_path / kind, KINDS[kind])

    refused(scene, "ulimit -f", limit_files)
    with closed(scene.workspace):
        refused(scene, "permission is denied", obey_permissions)

    repaired(scene)


@pytest.mark.parametrize("kind", first("train", "score"))
def test_a_full_and_a_read_only_disk(tmp_path: Path, kind: str) -> None:
    """Without space a command says how much is left, on a read-only one that it is; then it does it all."""
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
    """However far a command comes before the disk is full, old results stay, and none is there by half."""
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
    """Run the command, which is to be refused for this reason, and hold it to having changed nothing."""
    code, printed = run_apart(scene.kind.command, scene.directory, before)
    assert (code, printed.partition(":")[0]) == (DATA_ERROR, "StorageError"), printed
    assert reason in printed
    assert "run again: what was published before is as it was" in printed
    assert contents(scene.workspace) == scene.before
    assert not hidden(scene)


def repaired(scene: Scene) -> None:
    """Hold the command to make now what it makes undisturbed."""
    succeed(scene.kind.command, scene.directory)
    made = contents(scene.workspace)
    assert made == scene.undisturbed()


@contextmanager
def closed(workspace: Path) -> Iterator[None]:
    """Let nothing be written into any directory of a workspace."""
    folders = [workspace, *(path for path in workspace.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        yield
    finally:
        for folder in folders:
            folder.chmod(0o755)


def hidden(scene: Scene) -> list[Path]:
    """Return what was left behind."""
    return list(scene.workspace.rglob(".*"))


def limit_files() -> None:
    """Let this process write no file of more than 100 bytes; Python ignores the signal, and the write fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))


def obey_permissions() -> None:
    """Take from this process what root has: to write where permissions forbid it."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(LINUX_CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    sets[0] &= ~CAP_DAC_OVERRIDE
    assert libc.capset(header, sets) == 0

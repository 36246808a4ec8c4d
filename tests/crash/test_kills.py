"""A run killed at any point leaves nothing that looks finished, and the next one makes what it would have made."""

import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from kill_kinds import KINDS, Scene, contents, succeed
from polling_reader import Reader
from stepped_process import SteppedProcess, start_apart

A_FEW = {"ingest": 3, "train": 4, "checkpoints": 2, "calibrate": 2, "score": 4}
"""Kills of each kind in an ordinary test run."""
RANDOM_KILLS = 30


@pytest.mark.parametrize("kind", A_FEW)
def test_killed_run_leaves_nothing_half_done(tmp_path: Path, kind: str, figures: Counter[str]) -> None:
    """A reader sees only what is whole, before and after SIGKILL; a rerun makes the same bytes and leaves nothing else.

    Of all operations on files a few are hit, spread evenly; `make soak` hits every one.
    """
    scene = Scene(tmp_path / kind, KINDS[kind])
    steps = watch(scene, figures)
    kill_at([steps * number // A_FEW[kind] for number in range(A_FEW[kind])], scene, figures)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_killed_anywhere_it_leaves_nothing_half_done(tmp_path: Path, kind: str, figures: Counter[str]) -> None:
    """The same before each operation on a file that the command does."""
    scene = Scene(tmp_path / kind, KINDS[kind])
    kill_at(range(watch(scene, figures)), scene, figures)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["run"])
def test_killed_at_any_time_it_leaves_nothing_half_done(tmp_path: Path, kind: str, figures: Counter[str]) -> None:
    """The same at random times of a longer run, while a reader polls: in the midst of computing and of writing."""
    scene = Scene(tmp_path / kind, KINDS[kind], rows=40_000)
    began = time.monotonic()
    undisturbed, reader = scene.undisturbed(), Reader(scene.workspace)
    for after in np.random.default_rng(0).uniform(0, time.monotonic() - began, RANDOM_KILLS):
        scene.put_back()
        figures["kills"] += kill_after(after, scene, reader)
        reader.look()
        succeed(scene.kind.command, scene.directory)
        assert contents(scene.workspace) == undisturbed, f"killed after {after:.3f} s"
    figures.update(reader.seen)


def watch(scene: Scene, figures: Counter[str]) -> int:
    """Look at the workspace before each operation of an undisturbed run; return how many there are."""
    reader = Reader(scene.workspace)
    with SteppedProcess(scene.kind.command, scene.directory) as process:
        for _ in process.operations():
            reader.look()
            figures["operations"] += 1
        assert process.finish() == 0
    figures.update(reader.seen)
    return figures["operations"]


def kill_at(steps: range | list[int], scene: Scene, figures: Counter[str]) -> None:
    """Kill the command before each of these operations, look, give it again, and compare."""
    undisturbed, reader = scene.undisturbed(), Reader(scene.workspace)
    for step in steps:
        scene.put_back()
        operation = kill_before(step, scene)
        figures["kills"] += 1
        reader.look()
        killed = contents(scene.workspace)
        if scene.kind.is_repeatable:
            succeed(scene.kind.command, scene.directory)
            assert contents(scene.workspace) == undisturbed, f"killed before {operation}"
        else:
            visible = {name: content for name, content in killed.items() if not name.startswith("leftover")}
            assert visible in (scene.before, undisturbed), f"killed before {operation}"
    figures.update(reader.seen)


def kill_before(step: int, scene: Scene) -> str:
    """Start the command and kill it before an operation, counted from 0; return which."""
    with SteppedProcess(scene.kind.command, scene.directory) as process:
        for number, operation in enumerate(process.operations()):
            if number == step:
                return operation
    pytest.fail(f"the command ended before operation {step}")


def kill_after(seconds: float, scene: Scene, reader: Reader) -> bool:
    """Kill the command after some time in which a reader polls; say whether it was still at work."""
    process = start_apart(scene.kind.command, scene.directory)
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.is_alive():
        reader.look()
    process.kill()
    process.join()
    return bool(process.exitcode == -signal.SIGKILL)

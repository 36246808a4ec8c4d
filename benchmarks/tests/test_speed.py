"""What the benchmark of speed makes of its measurements, told from measurements that are made up."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from peers import our_network

SPEED = Path(__file__).parents[2] / "benchmarks" / "speed"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import a script of the benchmark by its name, and forget it afterwards: the names are common ones."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(SPEED)
    yield import_module
    for name in set(sys.modules) - before:
        if str(SPEED) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


class Measured:
    """Stands in for the runner: every job was measured already."""

    def __init__(self, measured: dict[str, dict[str, Any]]) -> None:
        self.measured = measured
        self.ran: list[str] = []

    def run(self, title: str, *_: object) -> dict[str, Any]:
        """Return what was measured under a title."""
        self.ran.append(title)
        return self.measured[title]


def options(*growth: int) -> SimpleNamespace:
    """Return options with sizes to follow growth on, and no directory of sets."""
    return SimpleNamespace(sizes=SimpleNamespace(growth=growth), adbench=None)


def test_memory_is_compared_without_what_libraries_take(modules: Any) -> None:
    """300 MB that become 320 are a fifth more of what the rows take."""
    figures = {
        f"{step} {rows} 30 0": {"peak_rss_mb": peak}
        for step in ("ingest", "train", "score")
        for rows, peak in ((10, 300.0), (1000, 320.0))
    }
    page = modules("growth").memory(Measured(figures), Path(), options(10, 1000))
    assert "| train | 300 | 320 | 1.20 |" in page


def test_exponents_say_how_cost_grows(modules: Any) -> None:
    """A hundred times the rows at a hundred times the cost is 1, at the same cost 0; ten times the columns likewise."""
    cost = {"10 30 0": 1.0, "1000 30 0": 100.0, "10 300 0": 1.0}
    figures = {
        f"{step} {key}": {"wall_s": seconds, "cpu_s": seconds, "peak_rss_mb": 1.0}
        for step in ("ingest", "train", "score")
        for key, seconds in cost.items()
    }
    page = modules("growth").growth(Measured(figures), Path(), options(10, 1000))
    assert "| train | rows | 1 |" in page
    assert "| train | columns | 0 |" in page


def test_the_least_training_that_stays_as_good_counts(modules: Any) -> None:
    """A short training that happens to be as good does not, where a longer one is not; and none may be."""
    quality = modules("quality")
    aurocs = dict(zip(quality.BUDGETS, (0.9, 0.5, 0.7, 0.6, 0.8), strict=True)) | {quality.DEFAULT_STEPS: 0.8}
    figures = {steps: {"auroc": auroc, "fit_cpu_s": steps / 100} for steps, auroc in aurocs.items()}
    runner = Measured({f"fit small, {steps} steps, one": found for steps, found in figures.items()})
    reached = quality._reach(runner, "small", Path("one.npz"), 0.6)
    assert reached.beside(5.0) == "0.50 s, 50 steps: 10.0 x"
    assert quality._reach(runner, "small", Path("one.npz"), 0.81).beside(5.0) == "not reached"


def test_training_needs_the_sets(modules: Any) -> None:
    """Without ADBench's files nothing is made up."""
    assert "--adbench" in modules("quality").training(Measured({}), Path(), options(10))


def test_our_networks_are_fitted_as_methods_are() -> None:
    """A network named by its section of a spec is trained, and scores a far row highest."""
    rows = np.random.default_rng(0).normal(size=(1_200, 4))
    method = our_network({"kind": "denoising", "members": 1, "hidden": [16]}, steps=30)
    score = method.fit(rows, 0)
    assert score(np.vstack([rows[:50], np.full((1, 4), 9.0)])).argmax() == 50


def test_pictures_are_held_against_both_forwards(modules: Any) -> None:
    """Scoring at three CPU seconds is a third backbone where that takes one, and less than another of four."""
    ours, bare, stock = (
        {"wall_s": 2 * cpu, "cpu_s": cpu, "peak_rss_mb": 9.0, "pictures": 100} for cpu in (3.0, 1.0, 4.0)
    )

    page = modules("picture_scoring").page(ours, bare, stock)

    assert "| scoring | 60 | 30 | 33% | 133% | 9 |" in page

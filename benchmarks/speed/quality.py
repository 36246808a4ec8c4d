"""Training to equal quality: what it costs to find anomalies as well as PyOD's autoencoder does at its defaults."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from markdown_table import Cells, markdown
from run import Runner

SETS = ("22_magic.gamma", "23_mammography", "10_cover", "1_ALOI", "33_skin")
"""Those of the sets of results/adbench.csv that have over 10,000 rows; the quickest first, which small runs take."""
NETWORKS: dict[str, dict[str, Any]] = {
    "default": {"kind": "memory"},
    "small": {"kind": "denoising", "members": 1, "hidden": [64, 64]},
}
"""Ours, and the smaller one whose scoring is set beside PyOD's in `scoring.py`."""
BUDGETS = (10, 25, 50, 100, 200)
"""Steps of training below the default; each is a training of its own, not the beginning of a longer one."""
DEFAULT_STEPS = 500
SAID = """Half of the normal rows train, all others are the test; the same rows for all, of a larger set 50,000. Seconds
are CPU seconds, torch on one thread. Ours are the whole fit: encoding, training, memories, error scale, and a threshold
from held-out rows. The AUROC of the test rows decides here, and only here, when ours is as good as PyOD's autoencoder:
with the least of {budgets} and {default} steps from which on it is no lower."""


@dataclass(frozen=True)
class Reached:
    """The least training from which on a network is as good as the peer.

    Attributes:
        steps: of its training; None if it is not.
        seconds: CPU seconds of the whole fit.
    """

    steps: int | None
    seconds: float

    def beside(self, peer: float) -> str:
        """Say how many times sooner than the peer, whose fit took so many CPU seconds."""
        if self.steps is None:
            return "not reached"
        return f"{self.seconds:.2f} s, {self.steps} steps: {peer / self.seconds:.1f} x"


def training(runner: Runner, _: Path, options: Any) -> str:
    """Fit PyOD's autoencoder, kNN and ours on large sets; find the least training of ours that is as good."""
    title = "## Training to equal quality"
    if options.adbench is None:
        return f"{title}\n\nLeft out: it needs ADBench's files, `--adbench DIR`."
    alone = Runner(runner.repeats, threads=1)
    judged = [_judge(alone, options.adbench / f"{name}.npz") for name in SETS[: options.sizes.sets]]
    runner.measured |= alone.measured
    said = SAID.format(budgets=", ".join(map(str, BUDGETS)), default=DEFAULT_STEPS)
    return f"{title}\n\n{said}\n\n{_quality(judged)}\n\n{_equal_quality(judged)}"


@dataclass(frozen=True)
class _Judged:
    """What was measured on one set."""

    name: str
    peer: dict[str, Any]
    neighbours: dict[str, Any]
    ours: dict[str, dict[str, Any]]
    reached: dict[str, Reached]


def _judge(runner: Runner, npz: Path) -> _Judged:
    jobs: dict[str, tuple[object, ...]] = {
        f"fit AutoEncoder {npz.stem}": ("fit_peer", "AutoEncoder", npz),
        f"fit KNN {npz.stem}": ("fit_peer", "KNN", npz),
    }
    jobs |= {_title(name, DEFAULT_STEPS, npz): _job(name, DEFAULT_STEPS, npz) for name in NETWORKS}
    peer, neighbours, *ours = runner.side_by_side(jobs).values()
    return _Judged(
        npz.stem,
        peer,
        neighbours,
        dict(zip(NETWORKS, ours, strict=True)),
        {name: _reach(runner, name, npz, peer["auroc"]) for name in NETWORKS},
    )


def _reach(runner: Runner, network: str, npz: Path, auroc: float) -> Reached:
    """Find the least budget from which on a network is as good; one that is so by chance, for once, does not count."""
    reached = Reached(None, 0.0)
    for steps in (DEFAULT_STEPS, *reversed(BUDGETS)):
        title = _title(network, steps, npz)
        found = runner.measured.get(title) or runner.run(title, *_job(network, steps, npz))
        if found["auroc"] < auroc:
            break
        reached = Reached(steps, found["fit_cpu_s"])
    return reached


def _job(network: str, steps: int, npz: Path) -> tuple[str, ...]:
    return ("fit_network", json.dumps(NETWORKS[network]), str(steps), str(npz))


def _title(network: str, steps: int, npz: Path) -> str:
    return f"fit {network}, {steps} steps, {npz.stem}"


def _quality(judged: list[_Judged]) -> str:
    """Say how well each method finds anomalies at its defaults, and what its fit costs."""
    rows = [(*map(_fit, (one.peer, *one.ours.values())), _fit_and_score(one.neighbours)) for one in judged]
    means = [tuple(map(mean, zip(*column, strict=True))) for column in zip(*rows, strict=True)]
    names = [*(one.name for one in judged), "mean"]
    lines = [
        (name, *(f"{auroc:.4f}, {seconds:.2f}" for auroc, seconds in row))
        for name, row in zip(names, [*rows, means], strict=True)
    ]
    head = ("AUROC, fit s", "PyOD AutoEncoder", *(f"ours, {name}" for name in NETWORKS), "PyOD KNN, fit + score s")
    return markdown(head, lines)


def _fit(figures: dict[str, Any]) -> tuple[float, float]:
    return figures["auroc"], figures["fit_cpu_s"]


def _fit_and_score(figures: dict[str, Any]) -> tuple[float, float]:
    return figures["auroc"], figures["fit_cpu_s"] + figures["score_cpu_s"]


def _equal_quality(judged: list[_Judged]) -> str:
    """Say how much sooner each of our networks is as good as PyOD's autoencoder."""
    lines: list[Cells] = []
    for one in judged:
        peer = one.peer["fit_cpu_s"]
        cells = [
            f"{found.seconds:.2f} s, {found.steps} steps: {peer / found.seconds:.0f} x"
            if found.steps
            else "not reached"
            for found in one.reached.values()
        ]
        lines.append((one.name, f"{one.peer['auroc']:.4f}", f"{peer:.2f} s", *cells))
    head = ("set", "AUROC to reach", "PyOD AutoEncoder", *(f"ours, {name}" for name in NETWORKS))
    return markdown(head, lines)

"""Training to equal quality: the cost of detecting anomalies as well as PyOD's autoencoder at its defaults."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from markdown_table import Cells, markdown
from run import Runner

SETS = ("22_magic.gamma", "23_mammography", "10_cover", "1_ALOI", "33_skin")
"""The sets in results/adbench.csv with more than 10,000 rows, fastest first; small runs use the first."""
NETWORKS: dict[str, dict[str, Any]] = {
    "default": {"kind": "memory"},
    "small": {"kind": "denoising", "members": 1, "hidden": [64, 64]},
}
"""Our default, and the smaller network whose scoring is compared with PyOD's in `scoring.py`."""
BUDGETS = (10, 25, 50, 100, 200)
"""Training steps below the default; each is a separate training, not a prefix of a longer one."""
DEFAULT_STEPS = 500
EXPLANATION = """Half of the normal rows are for training, all others for testing; all methods get the same rows, at
most 50,000 of a set. Seconds are CPU seconds, torch on one thread. Ours cover the whole fit: encoding, training,
memories, error scale, and a threshold from held-out rows. The AUROC on the test rows decides here, and only here, when
ours is as good as PyOD's autoencoder: at the smallest of {budgets} and {default} steps from which on it is no lower."""


@dataclass(frozen=True)
class Reached:
    """The shortest training from which on a network is as good as the peer.

    Attributes:
        steps: training steps; None if it never is.
        seconds: CPU seconds of the whole fit.
    """

    steps: int | None
    seconds: float

    def beside(self, peer: float) -> str:
        """Return the cost, and the speed-up over the peer, whose fit took `peer` CPU seconds."""
        if self.steps is None:
            return "not reached"
        return f"{self.seconds:.2f} s, {self.steps} steps: {peer / self.seconds:.1f} x"


def training(runner: Runner, _: Path, options: Any) -> str:
    """Fit PyOD's autoencoder, kNN and our networks on large sets; find our shortest training that is as good."""
    title = "## Training to equal quality"
    if options.adbench is None:
        return f"{title}\n\nSkipped: it needs ADBench's files, `--adbench DIR`."
    alone = Runner(runner.repeats, threads=1)
    judged = [_judge(alone, options.adbench / f"{name}.npz") for name in SETS[: options.sizes.sets]]
    runner.measured |= alone.measured
    explanation = EXPLANATION.format(budgets=", ".join(map(str, BUDGETS)), default=DEFAULT_STEPS)
    return f"{title}\n\n{explanation}\n\n{_quality(judged)}\n\n{_equal_quality(judged)}"


@dataclass(frozen=True)
class _Judged:
    """The measurements on one set."""

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
    """Find the smallest budget from which on a network is as good; an isolated success by chance does not count."""
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
    """Return the table of each method's AUROC at its defaults, and the cost of its fit."""
    rows = [(*map(_fit, (result.peer, *result.ours.values())), _fit_and_score(result.neighbours)) for result in judged]
    means = [tuple(map(mean, zip(*column, strict=True))) for column in zip(*rows, strict=True)]
    names = [*(result.name for result in judged), "mean"]
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
    """Return the table of how much faster each of our networks is as good as PyOD's autoencoder."""
    lines: list[Cells] = []
    for result in judged:
        peer = result.peer["fit_cpu_s"]
        cells = [
            f"{found.seconds:.2f} s, {found.steps} steps: {peer / found.seconds:.0f} x"
            if found.steps
            else "not reached"
            for found in result.reached.values()
        ]
        lines.append((result.name, f"{result.peer['auroc']:.4f}", f"{peer:.2f} s", *cells))
    head = ("set", "AUROC to reach", "PyOD AutoEncoder", *(f"ours, {name}" for name in NETWORKS))
    return markdown(head, lines)

"""Run a job several times, each in a separate process, and keep the median of each figure."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Runner:
    """Runs jobs and records their measurements.

    Args:
        repeats: runs of each job; figures are medians.
        threads: cores per job.
    """

    def __init__(self, repeats: int, threads: int) -> None:
        self.repeats = repeats
        self.threads = threads
        self.environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self.measured: dict[str, dict[str, Any]] = {}

    def run(self, title: str, job: str, *arguments: object) -> dict[str, Any]:
        """Run one job alone and record it under `title`."""
        return self.side_by_side({title: (job, *arguments)})[title]

    def side_by_side(self, jobs: dict[str, tuple[object, ...]]) -> dict[str, dict[str, Any]]:
        """Run several jobs in turns, so that a slow period of the machine affects all of them."""
        rounds = [{title: self._once(arguments) for title, arguments in jobs.items()} for _ in range(self.repeats)]
        found = {title: _medians([measured[title] for measured in rounds]) for title in jobs}
        self.measured |= found
        for title, figures in found.items():
            print(f"{title}: {figures['wall_s']:.2f} s, {figures['peak_rss_mb']:.0f} MB", file=sys.stderr, flush=True)
        return found

    def _once(self, arguments: Sequence[object]) -> dict[str, Any]:
        command = [sys.executable, str(HERE / "measure.py"), *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        if done.returncode:
            sys.exit(f"{' '.join(map(str, arguments))} failed:\n{done.stderr}")
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return measured


def _medians(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of every number, and the last value of other facts."""
    return {
        name: statistics.median(facts[name] for facts in rounds) if isinstance(value, int | float) else value
        for name, value in rounds[-1].items()
    }

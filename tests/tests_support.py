"""What several tests start from: a small table with planted anomalies, and the command line in a process of its own."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from anomaly_ae.cli import main


def make_frame(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Return rows of two linked numbers, a category and a label; one row in twenty breaks the link."""
    rng = np.random.default_rng(seed)
    load = rng.normal(50, 10, rows)
    anomaly = np.arange(rows) % 20 == 0
    heat = 2 * load + rng.normal(0, 1, rows) + np.where(anomaly, 40, 0)
    return pd.DataFrame(
        {
            "part_id": [f"p{number:05d}" for number in range(rows)],
            "load": load.round(4),
            "heat": heat.round(4),
            "line": rng.choice(["north", "south"], rows),
            "anomaly": anomaly.astype(int),
        }
    )


def write_table(path: Path, rows: int = 600) -> None:
    """Write `make_frame` as CSV."""
    make_frame(rows).to_csv(path, index=False)


@dataclass(frozen=True)
class Done:
    """What a command printed."""

    stdout: str
    stderr: str


def run_cli(*arguments: str, cwd: Path, expect: int = 0) -> Done:
    """Run `anomaly-ae` in this process, from a directory, and hold it to an exit code."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
    assert code == expect, f"exit code {code}\n{out.getvalue()}\n{err.getvalue()}"
    return Done(out.getvalue(), err.getvalue())

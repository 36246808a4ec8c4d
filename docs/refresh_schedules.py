"""Write the example outputs of `docs/guide/schedules.md` anew: `python docs/refresh_schedules.py`."""

import contextlib
import io
import re
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from anomaly_ae.cli import main as command_line

PAGE = Path(__file__).parent / "guide/schedules.md"
SPEC = """\
name: plant
data:
  source: history.csv
  id: part_id
  time: at
  label: {column: anomaly}
threshold: {target_fpr: 0.02}
"""


def outputs(directory: Path) -> dict[str, str]:
    """Play the page's examples in an empty directory: name of the example -> what the commands print."""
    (directory / "anomaly_ae.yaml").write_text(SPEC, encoding="utf-8")
    with contextlib.chdir(directory):
        write_days("history.csv", date(2026, 11, 1), days=4)
        run("train")
        made = {
            "files": score_files(),
            "days": score_days(datetime.now().astimezone().date()),
            "promotion": promote(),
        }
    return {name: printed.replace(f"{directory}/", "") for name, printed in made.items()}


def score_files() -> str:
    """Score three files; correct one, remove one, add a late one, a new one and a faulty one; score again."""
    incoming = Path("incoming")
    incoming.mkdir()
    for day in (19, 20, 21):
        write_days(incoming / f"2026-11-{day}.csv", date(2026, 11, day))
    run("score-new", "incoming")
    (incoming / "2026-11-19.csv").unlink()
    for day in (18, 23):
        write_days(incoming / f"2026-11-{day}.csv", date(2026, 11, day))
    write_days(incoming / "2026-11-20.csv", date(2026, 11, 20), rows=400)
    rows_of(date(2026, 11, 22)).drop(columns="heat").to_csv(incoming / "2026-11-22.csv", index=False)
    return shown("score-new", "incoming")


def score_days(today: date) -> str:
    """Score a table of two days; add two days, today, late rows and rows whose date cannot be read; score again."""
    days = [today - timedelta(days=back) for back in (4, 3, 2, 1, 0)]
    first = pd.concat([rows_of(day) for day in days[:2]])
    first.to_csv("grown.csv", index=False)
    run("score-new", "grown.csv", "--by", "time")
    late = rows_of(days[0], rows=12, prefix="late")
    undated = rows_of(days[0], rows=2, prefix="undated").assign(at="unknown")
    pd.concat([first, *map(rows_of, days[2:]), late, undated]).to_csv("grown.csv", index=False)
    return shown("score-new", "grown.csv", "--by", "time")


def promote() -> str:
    """Train a challenger on more rows, promote it, and go back."""
    write_days("history.csv", date(2026, 11, 1), days=5)
    run("train", "--set", "register_as=challenger")
    return shown("promote") + shown("rollback")


def rows_of(day: date, *, rows: int = 500, prefix: str = "p") -> pd.DataFrame:
    """Return a day's rows: two linked numbers and a category; one row in fifty breaks the link."""
    rng = np.random.default_rng(day.toordinal())
    load, anomaly = rng.normal(50, 10, rows), np.arange(rows) % 50 == 0
    at = pd.Timestamp(day) + pd.to_timedelta(np.arange(rows) * 150, unit="s")
    return pd.DataFrame(
        {
            "part_id": [f"{prefix}-{day}-{number:03d}" for number in range(rows)],
            "at": at.strftime("%Y-%m-%dT%H:%M:%S"),
            "load": load.round(3),
            "heat": (2 * load + rng.normal(0, 1, rows) + 40 * anomaly).round(3),
            "line": rng.choice(["north", "south"], rows),
            "anomaly": anomaly.astype(int),
        }
    )


def write_days(path: Path | str, first: date, *, days: int = 1, rows: int = 500) -> None:
    """Write the rows of some days as CSV."""
    frames = [rows_of(first + timedelta(days=later), rows=rows) for later in range(days)]
    pd.concat(frames).to_csv(path, index=False)


def shown(*arguments: str) -> str:
    """Run a command; return it with what it printed, as in a terminal."""
    return f"$ anomaly-ae {' '.join(arguments)}\n{run(*arguments)}"


def run(*arguments: str) -> str:
    """Run a command in this process, and return what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            command_line(arguments)
        except SystemExit as stop:
            if stop.code:
                raise
    return out.getvalue()


def main() -> None:
    """Put the outputs into the page's marked blocks."""
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as directory:
        for name, block in outputs(Path(directory)).items():
            marked = rf"(<!-- output: {name} -->\n```console\n).*?(```)"
            text = re.sub(marked, lambda found, block=block: found[1] + block + found[2], text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

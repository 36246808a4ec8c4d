"""The questions that are asked of speed, one function each: runs its jobs, returns a Markdown section."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from run import Runner
from tables import write_table

Cells = Sequence[object]


@dataclass(frozen=True)
class Sizes:
    """How large everything is.

    Attributes:
        rows: of the tables that are scored and ingested.
        many_rows: of one more, scored by ours only.
        peer_rows: rows that slow peers score.
        train_rows: rows that peers are fitted on.
        growth: rows of the tables on which cost and memory are followed.
    """

    rows: int
    many_rows: int | None
    peer_rows: int
    train_rows: int
    growth: tuple[int, ...]


@dataclass(frozen=True)
class Shape:
    """The size of one table."""

    rows: int
    numeric: int = 30
    categorical: int = 0

    @property
    def columns(self) -> str:
        """The columns in words."""
        return f"{self.numeric} numeric" + (f", {self.categorical} categorical" if self.categorical else "")


def scoring(runner: Runner, directory: Path, options: Any) -> str:
    """Score Parquet to Parquet, beside the floor and beside peers that score arrays in memory."""
    sizes = options.sizes
    lines = [
        _beside_the_floor(runner, directory, Shape(sizes.rows), "memory"),
        _beside_the_floor(runner, directory, Shape(sizes.rows), "denoising"),
        _beside_the_floor(runner, directory, Shape(sizes.rows, 10, 10), "memory"),
    ]
    if sizes.many_rows:
        lines.append(_beside_the_floor(Runner(1, options.threads), directory, Shape(sizes.many_rows), "memory"))
    head = ("rows", "columns", "network", "rows/s", "floor rows/s", "share of the floor", "CPU s", "peak MB")
    return f"## Scoring, Parquet to Parquet\n\n{_markdown(head, lines)}\n\n{_peers(runner, directory, options)}"


def _beside_the_floor(runner: Runner, directory: Path, shape: Shape, network: str) -> Cells:
    made = _prepare(runner, directory, shape, (f"network.kind={network}",))
    rows, columns = shape.rows, shape.columns
    title = f"{rows:,} x {columns}, {network}"
    found = runner.side_by_side(
        {
            f"score {title}": ("score", made["dataset"], made["model"]),
            f"floor {title}": ("floor", made["dataset"], made["model"], made["scored"]),
        }
    )
    ours, floor = found.values()
    least = floor["read_s"] + floor["products_s"] + floor["write_s"]
    share = f"{least / ours['wall_s']:.0%}"
    return (
        f"{rows:,}",
        columns,
        network,
        rows / ours["wall_s"],
        rows / least,
        share,
        ours["cpu_s"],
        ours["peak_rss_mb"],
    )


def _peers(runner: Runner, directory: Path, options: Any) -> str:
    sizes = options.sizes
    made = _prepare(runner, directory, Shape(sizes.rows))
    lines = []
    for name in ("AutoEncoder", "IForest", "KNN"):
        found = runner.run(f"peer {name}", "peer", name, sizes.train_rows, made["dataset"], sizes.peer_rows)
        lines.append((f"PyOD {name}", found["rows"] / found["wall_s"], found["cpu_s"], found["peak_rss_mb"]))
    return _markdown(("peer, from memory, no output", "rows/s", "CPU s", "peak MB"), lines)


def ingest(runner: Runner, directory: Path, options: Any) -> str:
    """Ingest CSV and Parquet, beside a bare read and write by pyarrow and DuckDB."""
    lines = []
    for suffix in ("csv", "parquet"):
        source = write_table(directory / f"ingest.{suffix}", options.sizes.rows, 30)
        jobs = ("ingest", "ingest_pyarrow", "ingest_duckdb")
        found = runner.side_by_side({f"{job} {suffix}": (job, source, directory / f"{job}-{suffix}") for job in jobs})
        ours, bare, duck = (found[f"{job} {suffix}"] for job in jobs)
        lines.append(
            (
                suffix,
                ours["wall_s"],
                bare["wall_s"],
                duck["wall_s"],
                bare["wall_s"] / ours["wall_s"],
                ours["peak_rss_mb"],
            )
        )
    head = ("source", "ours s", "pyarrow s", "DuckDB s", "pyarrow / ours", "peak MB")
    return f"## Ingest, {options.sizes.rows:,} x 30\n\n{_markdown(head, lines)}"


def growth(runner: Runner, directory: Path, options: Any) -> str:
    """Follow time and memory of ingest, train and score over rows and columns; fit exponents."""
    lines: list[Cells] = []
    for rows in options.sizes.growth:
        lines += _steps(runner, directory, rows, 30)
    for columns in (30, 300):
        lines += _steps(runner, directory, options.sizes.growth[0], columns)
    head = ("rows", "columns", "step", "s", "CPU s", "peak MB")
    return f"## How cost grows\n\n{_markdown(head, lines)}\n\n{_exponents(lines)}"


def _steps(runner: Runner, directory: Path, rows: int, columns: int) -> list[Cells]:
    made = _prepare(runner, directory, Shape(rows, columns))
    title = f"score {rows} x {columns}"
    runner.run(title, "score", made["dataset"], made["model"])
    names = {"ingest": f"ingest {rows} {columns} 0", "train": f"train {rows} {columns} 0", "score": title}
    figures = {step: runner.measured[name] for step, name in names.items()}
    return [(rows, columns, step, one["wall_s"], one["cpu_s"], one["peak_rss_mb"]) for step, one in figures.items()]


def _exponents(lines: Sequence[Cells]) -> str:
    """Fit cost ~ rows^a and cost ~ columns^b between the smallest and the largest."""
    said = []
    for axis, name in ((0, "rows"), (1, "columns")):
        for step in ("ingest", "train", "score"):
            points = sorted(
                {line[axis]: line for line in lines if line[2] == step and line[1 - axis] == lines[0][1 - axis]}.items()
            )
            (x0, first), (x1, last) = points[0], points[-1]
            exponent = math.log(float(str(last[4])) / float(str(first[4]))) / math.log(float(str(x1)) / float(str(x0)))
            said.append((step, name, exponent))
    return _markdown(("step", "CPU seconds grow with", "exponent"), said)


def start_up(runner: Runner, directory: Path, _: Any) -> str:
    """Time the command line as a whole process, and the import."""
    made = _prepare(runner, directory, Shape(1000), ("threshold.target_fpr=0.05",))
    found = {
        "anomaly-ae --help": runner.run("help", "command", "-m", "anomaly_ae", "--help"),
        "import anomaly_ae": runner.run("import", "command", "-c", "import anomaly_ae"),
        "anomaly-ae score, 1,000 rows": runner.run(
            "score 1000", "score_command", made["source"], made["model"], directory / "w"
        ),
    }
    return "## Start-up\n\n" + _markdown(("what", "s"), [(what, one["wall_s"]) for what, one in found.items()])


def _prepare(runner: Runner, directory: Path, shape: Shape, overrides: Sequence[str] = ()) -> dict[str, Path]:
    """Make a table, its dataset, a model and a scored table; what is there already is kept."""
    key = f"{shape.rows} {shape.numeric} {shape.categorical}"
    source = write_table(directory / f"{key}.parquet", shape.rows, shape.numeric, shape.categorical)
    once = Runner(1, int(runner.environment["OMP_NUM_THREADS"]))
    workspace = directory / f"workspace {key}"
    dataset = once.run(f"ingest {key}", "ingest", source, workspace)["directory"]
    model = once.run(f"train {key}", "train", dataset, workspace, *overrides)["directory"]
    for title, figures in once.measured.items():
        runner.measured.setdefault(title, figures)
    scored = once.run(f"first score {key}", "score", dataset, model)["directory"]
    return {"source": source, "dataset": Path(dataset), "model": Path(model), "scored": Path(scored)}


def _markdown(head: Sequence[str], lines: Sequence[Cells]) -> str:
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*rows, *("| " + " | ".join(map(_shown, line)) + " |" for line in lines)])


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"
    return str(cell)


SECTIONS: dict[str, Callable[[Runner, Path, Any], str]] = {
    "scoring": scoring,
    "ingest": ingest,
    "growth": growth,
    "startup": start_up,
}

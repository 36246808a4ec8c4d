"""What has to be there before something can be measured: a table, its dataset, a model, a scored table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from run import Runner
from tables import write_table

SAMPLE_ROWS = 100_000
"""Rows that are scored once, to have what the output looks like."""


@dataclass(frozen=True)
class Sizes:
    """How large everything is.

    Attributes:
        rows: of the tables that are scored and ingested.
        many_rows: of one more, scored by ours only.
        peer_rows: rows that slow peers score.
        train_rows: rows that peers are fitted on.
        growth: rows of the tables on which cost and memory are followed.
        sets: how many of the large ADBench sets networks are trained on.
        pictures: that are scored.
    """

    rows: int
    many_rows: int | None
    peer_rows: int
    train_rows: int
    growth: tuple[int, ...]
    sets: int
    pictures: int


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

    @property
    def key(self) -> str:
        """What names the table, and the jobs on it."""
        return f"{self.rows} {self.numeric} {self.categorical}"


@dataclass(frozen=True)
class Made:
    """What was prepared: a source, its dataset, a model, and the scored table of the first rows."""

    source: Path
    dataset: Path
    model: Path
    scored: Path


def prepare(runner: Runner, directory: Path, shape: Shape, overrides: Sequence[str] = ()) -> Made:
    """Make a table, its dataset, a model and a scored sample; what is there already is kept.

    What `ingest` and `train` cost is noted under the shape's key.
    """
    once = Runner(1, runner.threads)
    source, dataset = _ingested(once, directory, shape)
    model = once.run(f"train {shape.key}", "train", dataset, directory / f"workspace {shape.key}", *overrides)
    for title, figures in once.measured.items():
        runner.measured.setdefault(title, figures)
    few = Shape(min(shape.rows, SAMPLE_ROWS), shape.numeric, shape.categorical)
    sample = _ingested(once, directory, few)[1]
    scored = once.run(f"score the first rows of {shape.key}", "score", sample, model["directory"])
    return Made(source, dataset, Path(model["directory"]), Path(scored["directory"]))


def _ingested(runner: Runner, directory: Path, shape: Shape) -> tuple[Path, Path]:
    source = write_table(directory / f"{shape.key}.parquet", shape.rows, shape.numeric, shape.categorical)
    found = runner.run(f"ingest {shape.key}", "ingest", source, directory / f"workspace {shape.key}")
    return source, Path(found["directory"])

"""Preparation of measurements: a table, its dataset, a model, a scored table."""

from dataclasses import dataclass, replace
from pathlib import Path

from random_table import write_table
from run import Runner

SAMPLE_ROWS = 100_000
"""Rows that are scored once as a sample of the output."""


@dataclass(frozen=True)
class Sizes:
    """The sizes of all measurements.

    Attributes:
        rows: rows of the tables that are scored and ingested.
        many_rows: rows of a larger table, scored only by our models.
        peer_rows: rows that slow peers score.
        train_rows: rows that peers are fitted on.
        growth: rows of the tables on which the growth of cost and memory is measured.
        sets: number of large ADBench sets that networks are trained on.
        pictures: number of pictures that are scored.
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
        """The number of columns, as text."""
        return f"{self.numeric} numeric" + (f", {self.categorical} categorical" if self.categorical else "")

    @property
    def key(self) -> str:
        """The name of the table and of the jobs on it."""
        return f"{self.rows} {self.numeric} {self.categorical}"


def prepare_source(directory: Path, shape: Shape) -> Path:
    """Write a table as Parquet; an existing one is reused, here and below."""
    return write_table(directory / f"{shape.key}.parquet", shape.rows, shape.numeric, shape.categorical)


def prepare_dataset(runner: Runner, directory: Path, shape: Shape) -> Path:
    """Ingest a table; the cost is recorded as `ingest` and the shape's key."""
    source = prepare_source(directory, shape)
    return _directory(runner, f"ingest {shape.key}", "ingest", source, directory / f"workspace {shape.key}")


def prepare_model(runner: Runner, directory: Path, shape: Shape, overrides: tuple[str, ...] = ()) -> Path:
    """Train on a table; the cost is recorded as `train`, the shape's key and the overrides."""
    dataset, workspace = prepare_dataset(runner, directory, shape), directory / f"workspace {shape.key}"
    return _directory(runner, " ".join(("train", shape.key, *overrides)), "train", dataset, workspace, *overrides)


def prepare_sample(runner: Runner, directory: Path, shape: Shape, overrides: tuple[str, ...] = ()) -> Path:
    """Score the first rows of a table, as a sample of the output."""
    sample = replace(shape, rows=min(shape.rows, SAMPLE_ROWS))
    dataset, model = prepare_dataset(runner, directory, sample), prepare_model(runner, directory, shape, overrides)
    return _directory(runner, f"score the first rows of {shape.key}", "score", dataset, model)


def _directory(runner: Runner, title: str, *job: object) -> Path:
    """Run a job once, unless it has been run, and return the directory it made."""
    if title not in runner.measured:
        once = Runner(1, runner.threads)
        once.run(title, *job)
        runner.measured |= once.measured
    return Path(runner.measured[title]["directory"])

"""One table scored by the flow `score` on threads, on a Dask cluster and on Ray, all on this machine.

    pip install -e '.[dask,ray]'
    python benchmarks/runners.py

Each runs twice: including the start of the cluster, and again on the running cluster. Figures are seconds, and CPU
seconds of all processes, Prefect's server included, which measure a runner's overhead even on a busy machine. A cluster
of several machines adds cores. Runners that are not installed are reported as such.
"""

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil
from prefect import flow
from prefect.settings import PREFECT_LOGGING_LEVEL, PREFECT_SERVER_ANALYTICS_ENABLED, temporary_settings
from prefect.task_runners import TaskRunner
from prefect.testing.utilities import prefect_test_harness

sys.path.insert(0, str(Path(__file__).parent / "speed"))

from random_table import write_table

from anomaly_ae.errors import SpecError
from anomaly_ae.ingest.writer import GROUP_ROWS, PART_GROUPS
from anomaly_ae.spec import DataSpec, Spec
from anomaly_ae.stages.ingest import IngestResult, ingest
from anomaly_ae.stages.pipeline import Run, require
from anomaly_ae.stages.train import train
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.workspace import Workspace
from flows.runners import ADDRESS, CHOICE, RUNNERS, start_dask, task_runner
from flows.stages import run_as_tasks

NUMERIC = 10
TRAIN_ROWS = 20_000


def main() -> None:
    """Make a table and a model, score the table on every runner, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", type=int, default=2, help=f"of {GROUP_ROWS * PART_GROUPS:,} rows each")
    parser.add_argument("--only", default=",".join(RUNNERS), help=f"some of {', '.join(RUNNERS)}")
    given = parser.parse_args()
    quiet = {PREFECT_LOGGING_LEVEL: "ERROR", PREFECT_SERVER_ANALYTICS_ENABLED: False}
    with (
        tempfile.TemporaryDirectory() as directory,
        temporary_settings(quiet),
        prefect_test_harness(server_startup_timeout=120),
    ):
        dataset, model = prepare(Path(directory), given.parts * GROUP_ROWS * PART_GROUPS)
        print(f"{given.parts * GROUP_ROWS * PART_GROUPS:,} rows, {NUMERIC} numbers each, {os.cpu_count()} cores\n")
        print("| runner | with its start | already there | sha256 of all parts |\n|---|---|---|---|")
        for name in given.only.split(","):
            print(measure(name, dataset, model, Path(directory)), flush=True)


def prepare(directory: Path, rows: int) -> tuple[Path, Path]:
    """Return a dataset with this many rows, and a model trained on similar rows."""
    workspace = Workspace.open(directory)
    few, many = (
        ingest(DataSpec(source=str(write_table(directory / f"{rows}.parquet", rows, NUMERIC))), workspace)
        for rows in (TRAIN_ROWS, rows)
    )
    spec = Spec.model_validate({"data": {"source": "benchmark"}, "workspace": str(directory)})
    return many.directory, train(few.dataset, spec, workspace).directory


def measure(name: str, dataset: Path, model: Path, directory: Path) -> str:
    """Score twice on one cluster and return a row of the table."""
    start = spent()
    try:
        with CLUSTERS[name]() as runner:
            first = score_on(runner, dataset, model, directory / f"{name}-1")
            between = spent()
            second = score_on(runner, dataset, model, directory / f"{name}-2")
            end = spent()
    except SpecError as error:
        return f"| {name} | not measured: {error} | | |"
    if first != second:
        sys.exit(f"{name} gave different bytes the second time")
    return f"| {name} | {between - start} | {end - between} | {first} |"


@dataclass(frozen=True)
class Spent:
    """Wall-clock seconds, and CPU seconds of this process and its children."""

    wall: float
    cpu: float

    def __sub__(self, earlier: Self) -> str:
        return f"{self.wall - earlier.wall:.1f} s, {self.cpu - earlier.cpu:.1f} CPU s"


def spent() -> Spent:
    """Return the time spent so far."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return Spent(time.perf_counter(), sum(cpu.user + cpu.system for cpu in times))


def score_on(runner: TaskRunner[Any], dataset: Path, model: Path, workspace: Path) -> str:
    """Score a dataset on a runner; return a hash of all rows."""
    parts = flow(score_rows, task_runner=runner)(str(dataset), str(model), str(workspace))
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:16]


def score_rows(dataset: str, model: str, workspace: str) -> list[Path]:
    """Score a dataset in tasks, one per part; return the parts of the scored table."""
    version, rows = ModelVersion.open(Path(model)), Dataset.open(Path(dataset))
    ingested = IngestResult(rows, reused=True)
    run = Run(version.description.spec, Workspace.open(workspace), model=version, ingested=ingested)
    return list(require(run_as_tasks(run, ("score",)).table).parts)


@contextmanager
def threads() -> Iterator[TaskRunner[Any]]:
    """Yield this process's own threads."""
    yield task_runner({})


@contextmanager
def dask() -> Iterator[TaskRunner[Any]]:
    """Start a Dask cluster with one process per core, and yield a runner that connects to it."""
    task_runner({CHOICE: "dask"})
    with start_dask() as cluster:
        yield task_runner({CHOICE: "dask", ADDRESS: cluster.scheduler_address})


@contextmanager
def ray() -> Iterator[TaskRunner[Any]]:
    """Start Ray with one process per core, and yield a runner that connects to it."""
    runner = task_runner({CHOICE: "ray"})
    import ray as cluster

    cluster.init(namespace="prefect", include_dashboard=False, num_cpus=os.cpu_count(), log_to_driver=False)
    try:
        yield runner
    finally:
        cluster.shutdown()


CLUSTERS: dict[str, Callable[[], Any]] = {"threads": threads, "dask": dask, "ray": ray}


if __name__ == "__main__":
    main()

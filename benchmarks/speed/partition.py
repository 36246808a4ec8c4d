"""The whole pipeline for one partition, as in a nightly run."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from markdown_table import markdown
from prepare import Shape, prepare_model, prepare_source
from run import Runner
from scoring import MEMORY

from anomaly_ae.spec import DataSpec
from anomaly_ae.stages.evaluate import evaluate
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.monitor import monitor
from anomaly_ae.stages.report import report
from anomaly_ae.stages.score import score

STEPS = ("ingest", "score", "monitor", "evaluate", "report")


def time_steps(source: Path, model: Path) -> dict[str, float]:
    """Return the CPU microseconds per row of each step, in order."""
    return dict(_each(source, model, Path(tempfile.mkdtemp(dir=source.parent))))


def partition(runner: Runner, directory: Path, options: Any) -> str:
    """Measure all steps from a new file to its report."""
    shape = Shape(options.sizes.rows)
    source, model = prepare_source(directory, shape), prepare_model(runner, directory, shape, MEMORY)
    found = runner.run(f"partition {shape.key}", "partition", source, model)
    line = (f"{shape.rows:,}", *(found[step] for step in STEPS), found["wall_s"], found["peak_rss_mb"])
    title = "A partition from Parquet to its report, CPU microseconds per row"
    return f"## {title}\n\n{markdown(('rows', *STEPS, 's', 'peak MB'), [line])}"


def _each(source: Path, model: Path, workspace: Path) -> Iterator[tuple[str, float]]:
    dataset, spent = _timed(lambda: ingest(DataSpec(source=str(source)), workspace))
    yield "ingest", spent / dataset.rows_accepted
    scored, spent = _timed(lambda: score(dataset.directory, model, workspace))
    yield "score", spent / dataset.rows_accepted
    later = {"monitor": monitor, "evaluate": lambda table, _: evaluate(table), "report": report}
    for name, step in later.items():
        yield name, _timed(lambda step=step: step(scored.directory, model))[1] / dataset.rows_accepted


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    made = work()
    return made, (time.process_time() - start) * 1e6

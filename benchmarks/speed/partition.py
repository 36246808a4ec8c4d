"""The whole pipeline for one partition, as in a nightly run."""

import tempfile
import time
from pathlib import Path
from typing import Any

from markdown_table import markdown
from prepare import Shape, prepare_model, prepare_source
from run import Runner
from scoring import MEMORY

from anomaly_ae.stages.pipeline import SCORING, Run, Stage, require, run_stages
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.workspace import Workspace


def time_partition(source: Path, model: Path) -> dict[str, float]:
    """Return the CPU microseconds per row of each stage, in order."""
    spent = {}

    def execute(stage: Stage, run: Run) -> Run:
        start = time.process_time()
        done = stage.work(run)
        spent[stage.name] = (time.process_time() - start) * 1e6
        return done

    version, workspace = ModelVersion.open(model), Workspace.open(tempfile.mkdtemp(dir=source.parent))
    run = Run.with_model(version, workspace, version.description.spec.data, str(source))
    done = run_stages(run, SCORING, execute)
    return {name: cost / require(done.ingested).rows_accepted for name, cost in spent.items()}


def partition(runner: Runner, directory: Path, options: Any) -> str:
    """Measure all stages from a new file to its report."""
    shape = Shape(options.sizes.rows)
    source, model = prepare_source(directory, shape), prepare_model(runner, directory, shape, MEMORY)
    found = runner.run(f"partition {shape.key}", "partition", source, model)
    line = (f"{shape.rows:,}", *(found[name] for name in SCORING), found["wall_s"], found["peak_rss_mb"])
    title = "A partition from Parquet to its report, CPU microseconds per row"
    return f"## {title}\n\n{markdown(('rows', *SCORING, 's', 'peak MB'), [line])}"

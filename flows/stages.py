"""The stages of the pipeline as Prefect tasks: what every flow that runs stages calls."""

from typing import Any

from prefect import task
from prefect.futures import wait

from anomaly_ae.stages.pipeline import STAGES, Run, Stage, require, run_stages
from anomaly_ae.stages.publish_scored import publish_scored, scored_directory
from anomaly_ae.stages.score import ScoreResult
from anomaly_ae.stages.score_part import score_part
from anomaly_ae.storage import Staging, locate, open_staging, removed_on_failure
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredTable

from .events import log_stage
from .runners import share_out
from .settings import COMPUTES, MOVES

TASKS = {stage.name: task(name=stage.name, **(MOVES if stage.moves_data else COMPUTES))(stage.work) for stage in STAGES}


def run_as_tasks(run: Run, names: tuple[str, ...]) -> Run:
    """Run stages within a flow, each as a task; scoring as one task per part, or per few of very many."""
    return run_stages(run, names, _execute)


def _execute(stage: Stage, run: Run) -> Run:
    done = _score_in_tasks(run) if stage.name == "score" else TASKS[stage.name](run)
    log_stage(stage.name, _made(stage.name, done))
    return done


def _made(stage: str, run: Run) -> dict[str, Any]:
    """Return what a stage made, as its log line names it."""
    if stage == "ingest" and run.ingested:
        return run.ingested.facts()
    if stage == "train" and run.trained:
        return run.trained.facts() | run.trained.model.description.split
    if stage == "calibrate" and run.calibrated:
        return run.calibrated.model_dump(mode="json", include={"calibration_id", "rule", "threshold", "promise"})
    if stage == "score" and run.scored:
        return run.scored.facts()
    if stage == "judge" and run.judged and run.table:
        validity, metrics = run.judged.validity, run.judged.metrics
        names = {"rows", "anomalies", "precision", "recall"}
        counts = metrics.model_dump(mode="json", include=names) if metrics else {"rows": 0}
        verdict = validity.verdict if validity else "unknown"
        return {"directory": str(run.table.directory), "verdict": verdict, **counts}
    return {"page": str(run.report)} if stage == "report" else {}


@task(**COMPUTES)
def score_parts(parts: tuple[str, ...], dataset: str, model: str, staging: str) -> int:
    """Score some parts of a dataset; return their alerts."""
    rows, version = Dataset.open(locate(dataset)), ModelVersion.open(locate(model))
    return sum(score_part(locate(part), rows, version, locate(staging)) for part in parts)


@task(**MOVES)
def publish_table(staging: str, target: str, dataset: str, model: str, *, alerts: int, run_id: str | None) -> str:
    """Let the scored table appear, whole; return where it is."""
    rows, version = Dataset.open(locate(dataset)), ModelVersion.open(locate(model))
    table = publish_scored(Staging(locate(staging), locate(target)), rows, version, alerts, run_id)
    return str(table.directory)


def _score_in_tasks(run: Run) -> Run:
    """Do what the stage `score` does, with its parts shared among the flow's task runner."""
    dataset, model = require(run.ingested).dataset, require(run.model)
    target = scored_directory(dataset, model, run.workspace)
    if (known := ScoredTable.find(target)) is not None:
        return run.with_scored(ScoreResult(known, reused=True))
    rows, version = str(dataset.directory), str(model.directory)
    with removed_on_failure(open_staging(target)) as opened:
        staging = str(opened.path)
        parts = [str(part) for part in dataset.parts]
        futures = [score_parts.submit(some, rows, version, staging) for some in share_out(parts)]
        # Where one fails the others are still writing.
        wait(futures)
        alerts = sum(future.result() for future in futures)
        directory = publish_table(staging, str(target), rows, version, alerts=alerts, run_id=run.run_id)
    return run.with_scored(ScoreResult(ScoredTable.open(locate(directory)), reused=False))

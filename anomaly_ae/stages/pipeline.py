"""The whole way in one call: ingest, train, score, monitor, evaluate, report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.monitoring.validity import Validity
from anomaly_ae.spec import Spec
from anomaly_ae.stages.evaluate import evaluate
from anomaly_ae.stages.ingest import IngestResult, ingest
from anomaly_ae.stages.monitor import monitor
from anomaly_ae.stages.report import report
from anomaly_ae.stages.score import ScoreResult, score
from anomaly_ae.stages.train import TrainResult, train
from anomaly_ae.storage import locate
from anomaly_ae.training import OnCheck
from anomaly_ae.workspace.model_version import load_description

OnStage = Callable[[str], None]


@dataclass(frozen=True)
class PipelineResult:
    """What each step made.

    Attributes:
        ingested: the dataset the model was made from.
        trained: the model version.
        scored: the scored table.
        validity: whether the threshold still holds on these rows.
        metrics: of the labelled test rows; None without labels.
        report: the HTML page.
    """

    ingested: IngestResult
    trained: TrainResult
    scored: ScoreResult
    validity: Validity
    metrics: Metrics | None
    report: Path


def run(spec: Spec, on_stage: OnStage | None = None, on_check: OnCheck | None = None) -> PipelineResult:
    """Ingest, train, score, monitor, evaluate and report, as the spec says; what is there already is kept.

    Args:
        spec: the whole pipeline.
        on_stage: told the name of each step as it begins.
        on_check: told of the training's progress.
    """
    begin = on_stage or (lambda _: None)
    workspace = locate(spec.workspace)
    begin("ingest")
    ingested = ingest(spec.data, workspace)
    begin("train")
    trained = train(ingested.directory, spec, workspace, on_check)
    begin("score")
    scored = score(rows_to_score(spec, ingested, trained.directory), trained.directory, workspace)
    begin("monitor")
    validity = monitor(scored.directory, trained.directory)
    begin("evaluate")
    metrics = evaluate(scored.directory)
    begin("report")
    page = report(scored.directory, trained.directory)
    return PipelineResult(ingested, trained, scored, validity, metrics, page)


def rows_to_score(spec: Spec, ingested: IngestResult, model: Path) -> Path:
    """Return the dataset to score: the new rows of `spec.score_source`, or those the model was made from."""
    if spec.score_source is None:
        return ingested.directory
    return ingest_for(model, spec, spec.score_source).directory


def ingest_for(model: Path, spec: Spec, source: str) -> IngestResult:
    """Ingest new rows under the contract that a model was trained with."""
    data = spec.data.model_copy(update={"source": source})
    return ingest(data, locate(spec.workspace), load_description(model).contract)

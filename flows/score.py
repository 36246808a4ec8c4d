"""Flow `score`: new rows become a scored table, shard by shard."""

from typing import Any

from prefect import flow, task
from prefect.futures import wait
from prefect.runtime import flow_run

from anomaly_ae.spec import Section, Spec
from anomaly_ae.stages import score as step
from anomaly_ae.stages.score_part import score_part
from anomaly_ae.storage import Staging, is_published, locate, open_staging, removed_on_failure
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import load_description
from anomaly_ae.workspace.registry import find_model

from .evaluate import evaluate_scored, monitor_scored, report_scored
from .events import announce_scored
from .ingest import ingest_source
from .runners import share_out, task_runner
from .settings import COMPUTES, MOVES, as_json
from .summary import publish_summary


class ScoreParameters(Section):
    """What to score, and with which model.

    Attributes:
        source: new rows, read as the model's training data were.
        name: the model's name; its champion scores.
        workspace: where the model is, and where the scored table goes.
    """

    source: str
    name: str = Spec.model_fields["name"].default
    workspace: str = Spec.model_fields["workspace"].default


@task(**COMPUTES)
def score_parts(parts: tuple[str, ...], dataset: str, model: str, staging: str) -> int:
    """Score some parts of a dataset; return their alerts."""
    return sum(score_part(locate(part), locate(dataset), locate(model), locate(staging)) for part in parts)


@task(**MOVES)
def publish_scored(staging: str, target: str, dataset: str, model: str, alerts: list[int]) -> dict[str, Any]:
    """Let the scored table appear, whole."""
    run_id = str(flow_run.id)
    return as_json(
        step.finish(Staging(locate(staging), locate(target)), locate(dataset), locate(model), sum(alerts), run_id)
    )


def score_dataset(dataset: str, model: str, workspace: str) -> dict[str, Any]:
    """Score a dataset, one task per part, or per few of very many; called within a flow.

    Returns:
        The result of the scoring step, as JSON.
    """
    target = step.scored_directory(locate(dataset), locate(model), locate(workspace))
    if is_published(target):
        return as_json(step.result_of(target, reused=True))
    parts = [str(part) for part in Dataset.open(locate(dataset)).parts]
    with removed_on_failure(open_staging(target)) as opened:
        staging = str(opened.path)
        futures = [score_parts.submit(some, dataset, model, staging) for some in share_out(parts)]
        # Where one fails the others are still writing.
        wait(futures)
        return publish_scored(staging, str(target), dataset, model, [future.result() for future in futures])


@flow(name="score", result_serializer="json", task_runner=task_runner())
def score(parameters: ScoreParameters) -> dict[str, Any]:
    """Ingest new rows under the model's contract, score them, monitor, evaluate where labels exist, report."""
    model = find_model(locate(parameters.workspace), parameters.name)
    data = load_description(model).spec.data.model_copy(update={"source": parameters.source})
    dataset = ingest_source(data, parameters.workspace, str(model))
    scored = score_dataset(dataset["directory"], str(model), parameters.workspace)
    validity = monitor_scored(scored["directory"], str(model))
    metrics = evaluate_scored(scored["directory"])
    page = report_scored(scored["directory"], str(model))
    publish_summary(scored, metrics, page)
    announce_scored(scored)
    return {"scored": scored, "validity": validity, "metrics": metrics, "report": page}

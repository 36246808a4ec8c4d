"""Flow `score`: new rows become a scored table, part by part, judged and with a report."""

from dataclasses import replace
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from anomaly_ae.spec import Section, Spec
from anomaly_ae.stages.pipeline import SCORING, Run, require
from anomaly_ae.workspace.workspace import Workspace

from .events import announce_scored
from .runners import task_runner
from .stages import run_as_tasks
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


@flow(name="score", result_serializer="json", task_runner=task_runner())
def score(parameters: ScoreParameters) -> dict[str, Any]:
    """Ingest new rows under the model's contract, score them, judge the table, write the report."""
    workspace = Workspace.open(parameters.workspace)
    model = workspace.aliased_model(parameters.name)
    run = Run.with_model(model, workspace, model.description.spec.data, parameters.source)
    done = run_as_tasks(replace(run, run_id=str(flow_run.id)), SCORING)
    publish_summary(done)
    announce_scored(require(done.scored))
    return done.facts()

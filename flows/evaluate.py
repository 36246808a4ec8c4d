"""Flow `evaluate`: a scored table is judged again, and its report written again."""

from typing import Any

from prefect import flow

from anomaly_ae.spec import Section
from anomaly_ae.stages.pipeline import JUDGING, Run
from anomaly_ae.storage import locate
from anomaly_ae.workspace.scored_table import ScoredTable

from .stages import run_as_tasks


class EvaluateParameters(Section):
    """Which scored table.

    Attributes:
        scored: directory in a workspace's `scored/`.
    """

    scored: str


@flow(name="evaluate", result_serializer="json")
def evaluate(parameters: EvaluateParameters) -> dict[str, Any]:
    """Write verdict, metrics and report of a scored table again."""
    return run_as_tasks(Run.over(ScoredTable.open(locate(parameters.scored))), JUDGING).facts()

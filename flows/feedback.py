"""Flow `feedback`: what analysts say of scored rows is stored, and says how precise the alerts were."""

from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact

from anomaly_ae.spec import Section
from anomaly_ae.stages.feedback import FeedbackResult, feedback_sentences
from anomaly_ae.stages.feedback import feedback as stage
from anomaly_ae.storage import locate
from anomaly_ae.workspace.scored_table import ScoredTable

from .events import log_stage
from .settings import MOVES, as_json


class FeedbackParameters(Section):
    """Which verdicts, on which table.

    Attributes:
        verdicts: CSV or Parquet with `row_id`, `verdict` (real, false alarm, unsure) and, if wanted, `note`.
        scored: directory in a workspace's `scored/`.
    """

    verdicts: str
    scored: str


@task(**MOVES)
def store_verdicts(verdicts: str, scored: str) -> dict[str, Any]:
    """Join verdicts to the scored rows they are about, and store them."""
    made = stage(locate(verdicts), ScoredTable.open(locate(scored)))
    publish_verdicts(made)
    log_stage("feedback", as_json(made))
    return as_json(made)


@flow(name="feedback", result_serializer="json")
def feedback(parameters: FeedbackParameters) -> dict[str, Any]:
    """Store verdicts in the workspace of the table they were given on; the same file twice is stored once."""
    return store_verdicts(parameters.verdicts, parameters.scored)


def publish_verdicts(made: FeedbackResult) -> None:
    """Leave on Prefect's pages what was reviewed and what it says."""
    text = "\n".join(f"- {line}" for line in feedback_sentences(made))
    create_markdown_artifact(text, key="anomaly-ae-feedback", description="What reviewers found")

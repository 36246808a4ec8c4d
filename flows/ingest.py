"""Flow `ingest`: a raw source becomes a dataset."""

from typing import Any

from prefect import flow, task

from anomaly_ae.spec import DataSpec, Section, Spec
from anomaly_ae.stages.ingest import ingest as step
from anomaly_ae.storage import locate
from anomaly_ae.workspace.model_version import load_description

from .events import log_step
from .settings import MOVES, as_json


class IngestParameters(Section):
    """What to ingest.

    Attributes:
        data: source and roles.
        workspace: receives the dataset.
        model: a model version whose contract the rows must keep; None infers one.
    """

    data: DataSpec
    workspace: str = Spec.model_fields["workspace"].default
    model: str | None = None


@task(**MOVES)
def ingest_source(data: DataSpec, workspace: str, model: str | None = None) -> dict[str, Any]:
    """Read a source into a dataset."""
    contract = load_description(locate(model)).contract if model else None
    made = as_json(step(data, locate(workspace), contract))
    log_step("ingest", made)
    return made


@flow(name="ingest", result_serializer="json")
def ingest(parameters: IngestParameters) -> dict[str, Any]:
    """Read a source into a dataset: typed Parquet parts, rejects with reasons, a manifest."""
    return ingest_source(parameters.data, parameters.workspace, parameters.model)

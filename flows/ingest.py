"""Flow `ingest`: a raw source becomes a dataset."""

from typing import Any

from prefect import flow

from anomaly_ae.modalities import find_source
from anomaly_ae.spec import DataSpec, Section, Spec
from anomaly_ae.stages.pipeline import Run, require
from anomaly_ae.storage import locate
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.workspace import Workspace

from .stages import run_as_tasks


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


@flow(name="ingest", result_serializer="json")
def ingest(parameters: IngestParameters) -> dict[str, Any]:
    """Read a source into a dataset: typed Parquet parts, rejects with reasons, a manifest."""
    contract = ModelVersion.open(locate(parameters.model)).description.contract if parameters.model else None
    spec = Spec(data=parameters.data, workspace=parameters.workspace)
    run = Run(spec, Workspace.open(parameters.workspace), find_source(parameters.data), contract)
    return require(run_as_tasks(run, ("ingest",)).ingested).facts()

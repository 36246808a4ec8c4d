"""Flow `train`: a source becomes a model version."""

from typing import Any

from prefect import flow, task

from anomaly_ae.spec import Section, Spec
from anomaly_ae.steps.train import train as step
from anomaly_ae.storage import locate
from flows.events import log_step
from flows.ingest import ingest_source
from flows.settings import COMPUTES, as_json


class TrainParameters(Section):
    """What to train on, and how."""

    spec: Spec


@task(**COMPUTES)
def train_model(dataset: str, spec: Spec) -> dict[str, Any]:
    """Train and calibrate a model version on a dataset."""
    made = as_json(step(locate(dataset), spec, locate(spec.workspace)))
    log_step("train", made)
    return made


@flow(name="train", result_serializer="json")
def train(parameters: TrainParameters) -> dict[str, Any]:
    """Ingest the spec's data, train on its normal rows, take the threshold from held-out ones."""
    spec = parameters.spec
    dataset = ingest_source(spec.data, spec.workspace)
    return train_model(dataset["directory"], spec)

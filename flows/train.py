"""Flow `train`: a source becomes a model version, which may take the champion's place if it is no worse."""

from typing import Any, Literal

from prefect import flow, task

from anomaly_ae.spec import Section, Spec
from anomaly_ae.stages.train import train as step
from anomaly_ae.storage import locate
from anomaly_ae.workspace.model_version import load_description

from .events import log_step
from .ingest import ingest_source
from .promote import promote_trained
from .settings import COMPUTES, as_json


class TrainParameters(Section):
    """What to train on, and how.

    Attributes:
        spec: whole; `register_as` says what training makes of the version.
        promote: of a challenger: `auto` lets the gate decide at once whether it takes over, and the first version of a
            model does so in any case; `by hand` leaves it to `promote/on-demand`.
    """

    spec: Spec
    promote: Literal["auto", "by hand"] = "by hand"


@task(**COMPUTES)
def train_model(dataset: str, spec: Spec) -> dict[str, Any]:
    """Train and calibrate a model version on a dataset."""
    made = as_json(step(locate(dataset), spec, locate(spec.workspace)))
    log_step("train", made | load_description(locate(made["directory"])).split)
    return made


@flow(name="train", result_serializer="json")
def train(parameters: TrainParameters) -> dict[str, Any]:
    """Ingest the spec's data, train on its normal rows, take the threshold from held-out ones."""
    spec = parameters.spec
    dataset = ingest_source(spec.data, spec.workspace)
    made = train_model(dataset["directory"], spec)
    if parameters.promote == "by hand" or spec.register_as == "champion":
        return made
    return {**made, "promotion": promote_trained(made["version"], spec)}

"""Flow `train`: a source becomes a model version, which may take the champion's place if it is no worse."""

from typing import Any, Literal

from prefect import flow

from anomaly_ae.spec import Section, Spec
from anomaly_ae.stages.pipeline import TRAINING, Run, require

from .promote import promote_trained
from .stages import run_as_tasks


class TrainParameters(Section):
    """What to train on, and how.

    Attributes:
        spec: the whole spec; `register_as` says what training makes of the version.
        promote: of a challenger: `auto` lets the gate decide at once whether it becomes champion, and the first version
            of a model does so in any case; `by hand` leaves it to `promote/on-demand`.
    """

    spec: Spec
    promote: Literal["auto", "by hand"] = "by hand"


@flow(name="train", result_serializer="json")
def train(parameters: TrainParameters) -> dict[str, Any]:
    """Ingest the spec's data, train on its normal rows, calibrate the threshold on held-out ones."""
    spec = parameters.spec
    made = require(run_as_tasks(Run.of(spec), TRAINING).trained)
    if parameters.promote == "by hand" or spec.register_as == "champion":
        return made.facts()
    return {**made.facts(), "promotion": promote_trained(made.version, spec)}

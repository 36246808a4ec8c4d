"""Flow `calibrate`: another threshold for a trained model, with its weights as they are."""

from typing import Any

from prefect import flow, task

from anomaly_ae.spec import Section, Spec, ThresholdSpec
from anomaly_ae.stages.calibrate import calibrate as stage
from anomaly_ae.stages.calibrate import reviewed_alerts
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.workspace.workspace import Workspace

from .events import log_stage
from .settings import COMPUTES


class CalibrateParameters(Section):
    """Which model, and what its threshold is to promise.

    Attributes:
        name: the model's name; its champion gets the threshold.
        workspace: where the model is.
        threshold: the rule.
        reviewed: take the threshold from the alerts that have a verdict.
    """

    name: str = Spec.model_fields["name"].default
    workspace: str = Spec.model_fields["workspace"].default
    threshold: ThresholdSpec = FprThreshold()
    reviewed: bool = False


@task(**COMPUTES)
def take_threshold(parameters: CalibrateParameters) -> dict[str, Any]:
    """Calibrate a champion again and put the threshold in force."""
    workspace = Workspace.open(parameters.workspace)
    model = workspace.aliased_model(parameters.name)
    alerts = reviewed_alerts(model, workspace) if parameters.reviewed else None
    made = stage(model, parameters.threshold, alerts).model_dump(mode="json")
    log_stage("calibrate", made)
    return made


@flow(name="calibrate", result_serializer="json")
def calibrate(parameters: CalibrateParameters) -> dict[str, Any]:
    """Put another threshold in force, by the rule given; later runs score with it."""
    return take_threshold(parameters)

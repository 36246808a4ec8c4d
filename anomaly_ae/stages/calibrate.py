"""Calibrate: a model version and a rule in, a new threshold in force, with the weights unchanged."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.errors import CalibrationError
from anomaly_ae.feedback.records import reviewed_rows
from anomaly_ae.ingest.pace import rows_per_day
from anomaly_ae.spec import Spec, ThresholdSpec
from anomaly_ae.split import SplitRule, count_rows
from anomaly_ae.stages.tracking import track_training
from anomaly_ae.threshold import Calibration, WhatIfRow, what_if
from anomaly_ae.threshold import calibrate as take_threshold
from anomaly_ae.threshold.rules import Rule
from anomaly_ae.threshold.sample import LABEL, SCORE
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.description import ModelDescription
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.workspace import Workspace


def calibrate(model: ModelVersion, rule: ThresholdSpec, reviewed: pa.Table | None = None) -> Calibration:
    """Calibrate a model version on its validation rows, and put the threshold in force.

    Args:
        model: the version.
        rule: how to find the threshold, and what it is to promise.
        reviewed: alerts with a verdict (`anomaly_score`, `label`) to calibrate on instead; for rules that allow it.

    Raises:
        CalibrationError: the promise cannot be made from these rows; the threshold in force stays.
    """
    settled = rule if reviewed is not None else resolve(rule, model.description)
    calibration = take_threshold(model.validation, settled, reviewed)
    if calibration != model.calibration:
        model.put_in_force(calibration)
    return calibration


def register(model: ModelVersion, spec: Spec, workspace: Workspace) -> Calibration:
    """Put the spec's threshold in force for a version just trained, and make it champion or challenger.

    Raises:
        CalibrationError: the promise cannot be made from its scores; the version is kept for another rule, but gets no
            alias.
    """
    try:
        calibration = calibrate(model, spec.threshold)
    except CalibrationError as error:
        msg = (
            f"{error} The version is kept: `anomaly-ae calibrate --model {model.directory}` takes another rule for it."
        )
        raise CalibrationError(msg) from error
    workspace.registry(spec.name).set_trained(model.version, spec.register_as)
    track_training(model)
    return calibration


def rehearse(dataset: Dataset, split: SplitRule, rule: ThresholdSpec) -> None:
    """Refuse, before anything is trained, a rule that these rows cannot meet even with a perfect model.

    Raises:
        CalibrationError: there are too few validation rows, or labelled anomalies among them, for the promise.
    """
    counts = count_rows(dataset, split)
    anomalies = counts["validation_anomalies"]
    normals = counts["validation_rows"] - anomalies
    if normals == 0:
        return  # reading the rows says so, and what to do
    is_anomaly = [False] * normals + [True] * anomalies
    best = pa.table({SCORE: np.arange(float(len(is_anomaly))), LABEL: pa.array(is_anomaly)})
    settled = _filled(rule, counts, rows_per_day(dataset)).model_copy(update={"by": None})
    try:
        take_threshold(best, settled)
    except CalibrationError as error:
        msg = f"nothing was trained, because no scores could meet the rule, not even those of a perfect model: {error}"
        raise CalibrationError(msg) from error


def resolve(rule: ThresholdSpec, about: ModelDescription) -> Rule:
    """Fill in what a rule leaves open: the rows per day and the share of anomalies, as measured on the data."""
    return _filled(rule, about.split, about.data.get("rows_per_day"))


def _filled(rule: ThresholdSpec, split: Mapping[str, Any], pace: float | None) -> Rule:
    return Rule.of(rule).with_measured(rows_per_day=pace, base_rate=base_rate(split))


def explore(model: ModelVersion) -> tuple[WhatIfRow, ...]:
    """Return what other thresholds would do, estimated on the validation rows of a model version.

    Raises:
        ArtifactError: the model version is incomplete or altered.
    """
    about = model.description
    return what_if(
        model.validation,
        model.calibration.threshold,
        base_rate=base_rate(about.split),
        rows_per_day=about.data.get("rows_per_day"),
    )


def reviewed_alerts(model: ModelVersion, workspace: Workspace) -> pa.Table:
    """Return the alerts of a model version that have a verdict, as `calibrate` takes them.

    Raises:
        CalibrationError: no alert has a verdict.
    """
    rows = reviewed_rows(workspace.feedback_directory(model.name), model.version)
    # Somebody picked the reviewed rows that were no alerts; they are not a random sample of such rows.
    alerts = rows.filter(pc.greater(rows.column("anomaly_score"), rows.column("threshold")))
    if alerts.num_rows == 0:
        msg = f"no alert of {model.name} {model.version} has a verdict yet; `anomaly-ae feedback` takes them"
        raise CalibrationError(msg)
    return alerts


def base_rate(split: Mapping[str, Any]) -> float | None:
    """Return the share of labelled anomalies among all rows that were split; None where there is none."""
    anomalies, rows = (
        sum(int(split.get(f"{name}_{kind}", 0)) for name in ("train", "validation", "test", "unused"))
        for kind in ("anomalies", "rows")
    )
    return anomalies / rows if anomalies else None

"""Calibrate: a model version and a rule in, a new threshold in force, with the weights as they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.errors import CalibrationError
from anomaly_ae.feedback.records import reviewed_rows
from anomaly_ae.ingest.pace import rows_per_day
from anomaly_ae.spec import ThresholdSpec
from anomaly_ae.split import SplitRule, count_rows
from anomaly_ae.threshold import Calibration, WhatIf, what_if
from anomaly_ae.threshold import calibrate as take_threshold
from anomaly_ae.threshold.rules import Rule
from anomaly_ae.threshold.sample import LABEL, SCORE
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import (
    Description,
    load_calibration,
    load_description,
    load_validation,
    save_calibration,
)


def calibrate(model: Path, rule: ThresholdSpec, reviewed: pa.Table | None = None) -> Calibration:
    """Take the threshold anew from the model version's validation rows, and put it in force.

    Args:
        model: directory of the model version.
        rule: how to find the threshold, and what it shall promise.
        reviewed: alerts with a verdict (`anomaly_score`, `label`), to take it from instead; for rules that allow it.

    Raises:
        CalibrationError: the promise cannot be made from these rows; the threshold in force stays.
    """
    about = load_description(model)
    settled = rule if reviewed is not None else resolve(rule, about)
    calibration = take_threshold(load_validation(model), settled, reviewed)
    if calibration != load_calibration(model):
        save_calibration(model, calibration)
    return calibration


def rehearse(dataset: Dataset, split: SplitRule, rule: ThresholdSpec) -> None:
    """Refuse, before anything is trained, a rule that these rows could not meet under the best of models.

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
        msg = f"nothing was trained, for no scores could meet the rule, not even the ranks of rows told apart: {error}"
        raise CalibrationError(msg) from error


def resolve(rule: ThresholdSpec, about: Description) -> Rule:
    """Fill in what a rule leaves to the data: the rows of a day, the share of anomalies."""
    return _filled(rule, about.split, about.data.get("rows_per_day"))


def _filled(rule: ThresholdSpec, split: Mapping[str, Any], pace: float | None) -> Rule:
    return Rule.of(rule).with_measured(rows_per_day=pace, base_rate=base_rate(split))


def explore(model: Path) -> tuple[WhatIf, ...]:
    """Say what other thresholds of a model version would do, by its validation rows.

    Raises:
        ArtifactError: the model version is incomplete or altered.
    """
    about, in_force = load_description(model), load_calibration(model)
    return what_if(
        load_validation(model),
        in_force.threshold,
        base_rate=base_rate(about.split),
        rows_per_day=about.data.get("rows_per_day"),
    )


def reviewed_alerts(model: Path, workspace: Path) -> pa.Table:
    """Return the alerts of a model version that have a verdict, as `calibrate` takes them.

    Raises:
        CalibrationError: none has.
    """
    about = load_description(model)
    rows = reviewed_rows(workspace, about.name, about.version)
    # A reviewed row that was no alert was picked by somebody: what it says of others like it is unknown.
    alerts = rows.filter(pc.greater(rows.column("anomaly_score"), rows.column("threshold")))
    if alerts.num_rows == 0:
        msg = f"no alert of {about.name} {about.version} has a verdict yet; `anomaly-ae feedback` takes them"
        raise CalibrationError(msg)
    return alerts


def base_rate(split: Mapping[str, Any]) -> float | None:
    """Return the share of labelled anomalies among all rows that were split; None where there is none."""
    anomalies, rows = (
        sum(int(split.get(f"{name}_{what}", 0)) for name in ("train", "validation", "test", "unused"))
        for what in ("anomalies", "rows")
    )
    return anomalies / rows if anomalies else None

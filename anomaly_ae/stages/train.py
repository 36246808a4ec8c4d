"""Train: a dataset and a spec in, a model version with its threshold out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from anomaly_ae.errors import CalibrationError
from anomaly_ae.feedback.records import known_anomalies_of
from anomaly_ae.ingest.pace import rows_per_day
from anomaly_ae.modalities import decide, modality_of
from anomaly_ae.spec import Spec, ThresholdSpec
from anomaly_ae.split import SplitRule
from anomaly_ae.stages.calibrate import calibrate, rehearse, resolve
from anomaly_ae.stages.tracking import is_tracked, track_training
from anomaly_ae.storage import fingerprint, is_published
from anomaly_ae.threshold import Calibration, normal_scores
from anomaly_ae.threshold import calibrate as take_threshold
from anomaly_ae.threshold.conformal import smallest_rate
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.training import ALONE, Checkpoints, Conduct, OnCheck, ProcessGroup, select_device
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import (
    FORMAT_VERSION,
    ModelVersion,
    describe,
    library_versions,
    load_calibration,
    save_model,
)
from anomaly_ae.workspace.registry import model_directory, set_alias, training_directory

MADE_FROM = {"name", "split", "features", "network", "pictures", "training", "scoring"}
"""Sections of the spec that a model version is made from."""
NOT_MADE_FROM = {"training": {"checkpoint_seconds"}}
"""Settings in them that its weights do not depend on."""


@dataclass(frozen=True)
class TrainResult:
    """What training made.

    Attributes:
        directory: the model version.
        version: its fingerprint.
        calibration_id: of the threshold in force.
        threshold: the cut itself.
        reused: it was there already, made from the same rows and the same spec.
        resumed_from: the step at which a training was taken up that an earlier run had begun; None without one.
    """

    directory: Path
    version: str
    calibration_id: str
    threshold: float
    reused: bool
    resumed_from: int | None = None


def train(
    dataset: Path, spec: Spec, workspace: Path, on_check: OnCheck | None = None, group: ProcessGroup = ALONE
) -> TrainResult:
    """Train an autoencoder on a dataset's train rows and calibrate it on its validation rows.

    The version becomes the champion of `spec.name`, or its challenger if the spec says so. Where it exists already,
    only its threshold is brought in line with `spec.threshold`. A training that was killed goes on where it last put
    itself down, and ends with the same weights.

    Args:
        dataset: directory that ingest published.
        spec: split, features, network, training, scoring and threshold.
        workspace: receives the model version.
        on_check: told of the training's progress.
        group: the processes that train together; the first publishes the version, the others wait for it.

    Raises:
        AnomalyAEError: the rows cannot be split or trained on, or the threshold cannot be promised. What the number of
            rows rules out is refused before training; what the scores rule out is refused after it, and the version
            is kept for another rule, but is no champion.
    """
    is_tracked()
    rows = Dataset.open(dataset)
    spec = decide(spec, rows)
    excluded = known_anomalies_of(rows, workspace, spec.name) if spec.training.exclude_reviewed else ()
    version = version_of(rows.fingerprint, spec, excluded, group.size)
    group.refuse_difference(int(version[:12], 16), "a spec or rows")
    directory = model_directory(workspace, version)
    checkpoints = Checkpoints(training_directory(workspace, version), version, spec.training.checkpoint_seconds)
    reused = bool(group.agree(is_published(directory)))
    made = None if reused else _fit(rows, spec, version, excluded, Conduct(on_check, checkpoints, group))
    if group.is_main:
        if made:
            save_model(directory, made)
        checkpoints.clear()
        _put_in_force(directory, spec.threshold)
        set_alias(workspace, spec.name, version, spec.register_as)
        track_training(directory)
    group.wait()
    there = load_calibration(directory)
    return TrainResult(directory, version, there.calibration_id, there.threshold, reused, checkpoints.resumed_from)


def version_of(dataset_fingerprint: str, spec: Spec, excluded: tuple[str, ...] = (), processes: int = 1) -> str:
    """Return the name of the version: a fingerprint of everything the weights are computed from.

    Args:
        dataset_fingerprint: of the rows.
        spec: how; its network is decided.
        excluded: ids of the rows that a reviewer found to be anomalies.
        processes: that train together: the last digits of the weights depend on it.
    """
    made_from = spec.model_dump(mode="json", include=MADE_FROM, exclude=NOT_MADE_FROM)
    device = select_device(spec.training.device).type
    together = [processes] if processes > 1 else []
    return fingerprint(
        [FORMAT_VERSION, dataset_fingerprint, made_from, excluded, device, library_versions(), *together]
    )


def _fit(dataset: Dataset, spec: Spec, version: str, excluded: tuple[str, ...], conduct: Conduct) -> ModelVersion:
    rule = SplitRule.fit(dataset, spec.split, excluded)
    rehearse(dataset, rule, spec.threshold)
    fitted = modality_of(dataset.contract.modality).fit(dataset, rule, spec, conduct)
    description = describe(
        fitted.model,
        version=version,
        spec=spec,
        contract=dataset.contract,
        split_rule=rule,
        split=fitted.split,
        data=_lineage(dataset),
        trimmed=fitted.trimmed,
    )
    calibration = _first_threshold(fitted.validation, resolve(spec.threshold, description))
    return ModelVersion(description, fitted.model, calibration, fitted.validation, fitted.profile)


def _first_threshold(validation: pa.Table, rule: ThresholdSpec) -> Calibration:
    """Take the threshold by its rule; by the smallest rate that can be promised where the rule cannot be met.

    The weights are thus saved in any case; calibrating them by the rule then raises the error that is passed over here.
    """
    try:
        return take_threshold(validation, rule)
    except CalibrationError:
        return take_threshold(validation, FprThreshold(target_fpr=smallest_rate(len(normal_scores(validation)))))


def _put_in_force(model: Path, rule: ThresholdSpec) -> None:
    try:
        calibrate(model, rule)
    except CalibrationError as error:
        msg = f"{error} What was trained is kept: `anomaly-ae calibrate --model {model}` takes another rule for it."
        raise CalibrationError(msg) from error


def _lineage(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.fingerprint,
        "rows": dataset.rows,
        "rows_per_day": rows_per_day(dataset),
        "sources": dataset.manifest["sources"],
        "torch_threads": torch.get_num_threads(),
    }

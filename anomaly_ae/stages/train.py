"""Train: a dataset and a spec in, a model version out."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import torch

from anomaly_ae.errors import CalibrationError
from anomaly_ae.feedback.records import known_anomalies_of
from anomaly_ae.ingest.pace import rows_per_day
from anomaly_ae.modalities import decide, modality_of
from anomaly_ae.spec import Spec, ThresholdSpec
from anomaly_ae.split import SplitRule
from anomaly_ae.stages.calibrate import rehearse, resolve
from anomaly_ae.stages.tracking import is_tracked
from anomaly_ae.storage import fingerprint, is_published
from anomaly_ae.storage.locations import Location
from anomaly_ae.threshold import Calibration, normal_scores
from anomaly_ae.threshold import calibrate as take_threshold
from anomaly_ae.threshold.conformal import smallest_rate
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.training import ALONE, Checkpoints, Conduct, OnCheck, ProcessGroup, select_device
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.description import describe, library_versions
from anomaly_ae.workspace.model_version import ModelManifest, ModelVersion, TrainedModel
from anomaly_ae.workspace.workspace import Workspace

MADE_FROM = {"name", "split", "features", "network", "pictures", "training", "scoring"}
"""Sections of the spec that a model version is made from."""
_NOT_MADE_FROM = {"training": {"checkpoint_seconds"}}
"""Settings in them that its weights do not depend on."""


@dataclass(frozen=True)
class TrainResult:
    """What training made.

    Attributes:
        model: the version.
        reused: it existed already, made from the same rows and the same spec.
        resumed_from: the step of the checkpoint from which the training of an earlier run was resumed; else None.
    """

    model: ModelVersion
    reused: bool
    resumed_from: int | None = None

    @property
    def directory(self) -> Location:
        """Where the version is."""
        return self.model.directory

    @property
    def version(self) -> str:
        """Its fingerprint."""
        return self.model.version

    @property
    def calibration_id(self) -> str:
        """Of the threshold in force."""
        return self.model.calibration.calibration_id

    @property
    def threshold(self) -> float:
        """The threshold in force."""
        return self.model.calibration.threshold

    def facts(self) -> dict[str, Any]:
        """Return what was made as JSON values."""
        names = ("version", "calibration_id", "threshold", "reused", "resumed_from")
        return {"directory": str(self.directory), **{name: getattr(self, name) for name in names}}


def train(
    dataset: Dataset, spec: Spec, workspace: Workspace, on_check: OnCheck | None = None, group: ProcessGroup = ALONE
) -> TrainResult:
    """Train an autoencoder on a dataset's train rows, with a first threshold from its validation rows.

    An existing version, made from the same rows and the same spec, is reused. A training that was killed is resumed
    from its last checkpoint and ends with the same weights.

    Args:
        dataset: what to learn from.
        spec: split, features, network, training and scoring.
        workspace: receives the model version.
        on_check: called with the step and the early-stopping loss at every check.
        group: the processes that train together; the main one publishes the version, the others wait for it.

    Raises:
        AnomalyAEError: the rows cannot be split or trained on, or are too few for any promise of `spec.threshold`.
    """
    is_tracked()
    spec = decide(spec, dataset)
    feedback = workspace.feedback_directory(spec.name)
    excluded = known_anomalies_of(dataset, feedback) if spec.training.exclude_reviewed else ()
    version = version_of(dataset.fingerprint, spec, excluded, group.size)
    group.refuse_difference(int(version[:12], 16), "a spec or rows")
    directory = workspace.model_directory(version)
    checkpoints = Checkpoints(workspace.training_directory(version), version, spec.training.checkpoint_seconds)
    reused = bool(group.agree(is_published(directory)))
    made = None if reused else _fit(dataset, spec, version, excluded, Conduct(on_check, checkpoints, group))
    if group.is_main:
        if made:
            ModelVersion.save(directory, made)
        checkpoints.clear()
    group.wait()
    return TrainResult(ModelVersion.open(directory), reused, checkpoints.resumed_from)


def version_of(dataset_fingerprint: str, spec: Spec, excluded: tuple[str, ...] = (), processes: int = 1) -> str:
    """Return the name of the version: a fingerprint of everything the weights are computed from.

    Args:
        dataset_fingerprint: of the rows.
        spec: how; its network is decided.
        excluded: ids of the rows that a reviewer found to be anomalies.
        processes: that train together: the last digits of the weights depend on it.
    """
    made_from = spec.model_dump(mode="json", include=MADE_FROM, exclude=_NOT_MADE_FROM)
    device = select_device(spec.training.device).type
    together = [processes] if processes > 1 else []
    return fingerprint(
        [
            ModelManifest.FORMAT_VERSION,
            dataset_fingerprint,
            made_from,
            excluded,
            device,
            library_versions(),
            *together,
        ]
    )


def _fit(dataset: Dataset, spec: Spec, version: str, excluded: tuple[str, ...], conduct: Conduct) -> TrainedModel:
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
    return TrainedModel(description, fitted.model, calibration, fitted.validation, fitted.profile)


def _first_threshold(validation: pa.Table, rule: ThresholdSpec) -> Calibration:
    """Calibrate by the rule; by the smallest rate that can be promised where the rule cannot be met.

    The weights are thus saved in any case; the stage `calibrate` then raises the error that is passed over here.
    """
    try:
        return take_threshold(validation, rule)
    except CalibrationError:
        return take_threshold(validation, FprThreshold(target_fpr=smallest_rate(len(normal_scores(validation)))))


def _lineage(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.fingerprint,
        "rows": dataset.rows,
        "rows_per_day": rows_per_day(dataset),
        "sources": list(dataset.manifest.sources),
        "torch_threads": torch.get_num_threads(),
    }

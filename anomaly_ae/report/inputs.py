"""What the report reads besides the rows: the JSON files of a scored directory and of its model version.

Each is a small model: a key that the report needs and the file lacks is an error that names both, never a blank.
"""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from anomaly_ae.errors import ArtifactError
from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.monitoring.profile import Profile
from anomaly_ae.monitoring.validity import Validity
from anomaly_ae.scoring.maps import MapScale
from anomaly_ae.storage import read_json, read_manifest

Document = TypeVar("Document", bound=BaseModel)


class _Document(BaseModel):
    """A JSON file of ours: keys the report does not show are left alone, missing and mistyped ones refused."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class ScoredManifest(_Document):
    """What the step that scored says it did."""

    run_id: str
    scored_at: str
    model_name: str
    model_version: str
    calibration_id: str
    threshold: float = Field(allow_inf_nan=False)
    target_fpr: float | None = Field(gt=0, lt=1)
    source: str
    dataset: str
    rows_in: int = Field(ge=0)
    rows_scored: int = Field(ge=0)
    rows_rejected: int = Field(ge=0)
    rejected_by_reason: dict[str, int]
    alerts: int = Field(ge=0)
    map_scale: MapScale | None = None


class TrainingCheck(_Document):
    """The two losses at one step of the training."""

    step: int
    loss: float | None
    early_stopping_loss: float | None


class ModelVersion(_Document):
    """Where the model comes from."""

    name: str
    version: str
    spec: dict[str, Any]
    contract: Contract
    split: dict[str, Any]
    history: tuple[TrainingCheck, ...]
    libraries: dict[str, str]
    data: dict[str, Any]


class ModelManifest(_Document):
    """When the model was made; `ModelVersion` holds only what is the same each time it is made."""

    trained_at: str


class Calibration(_Document):
    """Where the threshold comes from, and what it promises.

    Attributes:
        target_fpr: None where the rule promises no share of normal rows.
        n_above: validation rows above the threshold.
        by: the column whose values have a threshold each.
    """

    calibration_id: str
    rule: str
    threshold: float = Field(allow_inf_nan=False)
    warn_threshold: float | None = None
    target_fpr: float | None = Field(gt=0, lt=1)
    promise: str
    n_validation: int = Field(ge=1)
    n_above: int = Field(ge=0)
    smallest_fpr: float
    by: str | None = None
    segments: tuple[dict[str, Any], ...] = ()

    @property
    def expected_fpr(self) -> float:
        """The share of normal rows that is promised, or else the one the validation rows lead one to expect."""
        return self.target_fpr if self.target_fpr is not None else (self.n_above + 1) / (self.n_validation + 1)


class Inputs(BaseModel):
    """The JSON half of what a report is made from.

    Attributes:
        metrics: None without labels.
        validity: None where it was not checked whether the threshold still holds.
        profile: None where the model version does not say what its columns held.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    manifest: ScoredManifest
    metrics: Metrics | None
    validity: Validity | None
    profile: Profile | None
    model: ModelVersion
    model_manifest: ModelManifest
    calibration: Calibration


def _parse(document: type[Document], content: Any, path: Path) -> Document:
    """Check the content of the file at `path`.

    Raises:
        ArtifactError: a key is missing or holds something else than it should.
    """
    try:
        return document.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        msg = f"{path}: {key}: {first['msg']}; write it anew with this version of anomaly_ae"
        raise ArtifactError(msg) from error


def _parse_if_there(document: type[Document], path: Path) -> Document | None:
    return _parse(document, read_json(path), path) if path.exists() else None


def read_inputs(scored: Path, model: Path) -> Inputs:
    """Read the JSON files of a scored directory and of the model version that scored it.

    Raises:
        ArtifactError: a file is missing or malformed, row counts do not add up, or the two do not belong together.
    """
    version = model / "model.json"
    manifest = _parse(ScoredManifest, read_manifest(scored, "scored"), scored / "manifest.json")
    # Not calibration.json, the threshold in force: another one may have followed since the table was scored.
    calibration = model / "calibrations" / f"{manifest.calibration_id}.json"
    inputs = Inputs(
        manifest=manifest,
        metrics=_parse_if_there(Metrics, scored / "metrics.json"),
        validity=_parse_if_there(Validity, scored / "validity.json"),
        profile=_parse_if_there(Profile, model / "profile.json"),
        model=_parse(ModelVersion, read_json(version), version),
        model_manifest=_parse(ModelManifest, read_manifest(model, "model"), model / "manifest.json"),
        calibration=_parse(Calibration, read_json(calibration), calibration),
    )
    _check_accounting(inputs.manifest, scored)
    _check_lineage(inputs, scored, model)
    return inputs


def _check_accounting(manifest: ScoredManifest, scored: Path) -> None:
    total = manifest.rows_scored + manifest.rows_rejected
    if manifest.rows_in != total or manifest.rows_rejected != sum(manifest.rejected_by_reason.values()):
        msg = (
            f"{scored}: rows_in={manifest.rows_in} is not rows_scored={manifest.rows_scored} + rejected rows by "
            f"reason={manifest.rejected_by_reason}; score the source again"
        )
        raise ArtifactError(msg)


def _check_lineage(inputs: Inputs, scored: Path, model: Path) -> None:
    manifest = inputs.manifest
    pairs = {
        "model version": (manifest.model_version, inputs.model.version),
        "calibration": (manifest.calibration_id, inputs.calibration.calibration_id),
    }
    for what, (used, given) in pairs.items():
        if used != given:
            msg = f"{scored} was scored with {what} {used}, but {model} holds {given}; name the one it was scored with"
            raise ArtifactError(msg)

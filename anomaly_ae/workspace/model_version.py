"""The model version: safetensors weights and readable JSON, and no pickle.

    weights.safetensors        the network's tensors
    model.json                 spec, contract, encoder, error scale, split, history, libraries, data
    validation_scores.parquet  the rows that thresholds are calibrated on, so that no other data are needed for it
    profile.json               what the feature columns of the train rows held, the reference for drift
    card.md                    the same for people
    calibration.json           the threshold in force, the one file that a later calibration replaces
    calibrations/              every threshold this version ever had
    manifest.json              SHA-256 of every file; a calibration carries its own

A file of which a byte has changed is refused.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors.torch import load as deserialize
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import nn

from anomaly_ae.errors import ArtifactError
from anomaly_ae.modalities.model import Model
from anomaly_ae.modalities.saved_model import rebuild
from anomaly_ae.monitoring.profile import Profile
from anomaly_ae.storage import Staging, is_published, publish, read_json, write_json
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import read_parquet, write_parquet
from anomaly_ae.threshold import Calibration, hash_scores, normal_scores, scores_of
from anomaly_ae.workspace.card import model_card
from anomaly_ae.workspace.description import MODEL_FORMAT, ModelDescription
from anomaly_ae.workspace.manifest import Manifest

WEIGHTS, MODEL, VALIDATION_SCORES, CARD = "weights.safetensors", "model.json", "validation_scores.parquet", "card.md"
PROFILE, CALIBRATION, CALIBRATIONS = "profile.json", "calibration.json", "calibrations"


class ModelManifest(Manifest):
    """When the version was made; everything else is the same each time it is made, and is in `model.json`."""

    KIND: ClassVar[str] = "model"
    FORMAT_VERSION: ClassVar[int] = MODEL_FORMAT
    REMEDY: ClassVar[str] = "train again"

    version: str
    trained_at: str


@dataclass(frozen=True)
class TrainedModel:
    """A model in memory, with everything needed to score and judge new rows; saved, it is a model version.

    Attributes:
        description: names, spec, contract, split and lineage, as in `model.json`.
        model: computes the scores.
        calibration: the threshold in force.
        validation: the rows that thresholds are calibrated on, ascending by their column `anomaly_score`.
        profile: what the feature columns of the train rows held.
    """

    description: ModelDescription
    model: Model
    calibration: Calibration
    validation: pa.Table
    profile: Profile = field(default_factory=Profile)

    @property
    def validation_scores(self) -> NDArray[np.float64]:
        """The anomaly scores of the normal validation rows, ascending, `(n_validation,)`."""
        return normal_scores(self.validation)


@dataclass(frozen=True)
class ModelVersion:
    """A published model version.

    Attributes:
        directory: where it is.
        manifest: when it was made, and the hashes of its files.
    """

    directory: Location
    manifest: ModelManifest

    @classmethod
    def open(cls, directory: Location) -> Self:
        """Open a model version and verify its files.

        Raises:
            ArtifactError: the directory is no model version, or a file of it is missing, altered or of another format.
        """
        manifest = ModelManifest.read(directory)
        manifest.verify(directory)
        return cls(directory, manifest)

    @classmethod
    def save(cls, directory: Location, trained: TrainedModel) -> Self:
        """Publish a model version as `directory`, which appears whole.

        A version that exists already gets the threshold of this one.

        Raises:
            ArtifactError: another version, or other validation scores, are in the directory.
        """
        if is_published(directory):
            saved = cls.open(directory)
            saved.refuse_difference(trained)
            saved.put_in_force(trained.calibration)
            return saved
        with publish(directory) as staging:
            _write(staging, trained)
            staging.facts.update(
                kind=ModelManifest.KIND,
                format_version=ModelManifest.FORMAT_VERSION,
                version=trained.description.version,
                trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
        return cls.open(directory)

    @property
    def version(self) -> str:
        """Its name: a fingerprint of everything the weights were computed from."""
        return self.manifest.version

    @property
    def name(self) -> str:
        """The name of the model that this is a version of."""
        return self.description.name

    @cached_property
    def description(self) -> ModelDescription:
        """What the version says of itself, without its tensors."""
        return ModelDescription.model_validate(read_json(self.directory / MODEL))

    @cached_property
    def validation(self) -> pa.Table:
        """The rows that thresholds are calibrated on, ascending by their column `anomaly_score`."""
        return read_parquet(self.directory / VALIDATION_SCORES)

    @property
    def validation_scores(self) -> NDArray[np.float64]:
        """The scores of the normal validation rows, ascending, `(n_validation,)`."""
        return normal_scores(self.validation)

    @cached_property
    def profile(self) -> Profile:
        """What the feature columns of the train rows held; no column where training kept no profile."""
        if PROFILE not in self.manifest.files:
            return Profile()
        return Profile.model_validate(read_json(self.directory / PROFILE))

    @property
    def calibration(self) -> Calibration:
        """The threshold in force, read each time: another process may have replaced it.

        Raises:
            ArtifactError: it is missing, was altered, or was calibrated on another version's validation scores.
        """
        return self._read_calibration(self.directory / CALIBRATION)

    def calibration_of(self, calibration_id: str) -> Calibration:
        """Return a threshold that is, or once was, in force; errors as of `calibration`."""
        return self._read_calibration(self.directory / CALIBRATIONS / f"{calibration_id}.json")

    def put_in_force(self, calibration: Calibration) -> None:
        """Put a threshold in force; earlier ones stay beside it."""
        _write_calibration(self.directory, calibration)

    def load(self, device: str = "cpu") -> TrainedModel:
        """Load weights, threshold and validation rows; the weights are loaded once a process.

        Args:
            device: where the network is to compute; "auto" takes an accelerator if there is one.
        """
        weights = self.manifest.files[WEIGHTS].sha256, self.manifest.files[MODEL].sha256
        model = _load_weights(self, weights, device)
        return TrainedModel(self.description, model, self.calibration, self.validation, self.profile)

    def refuse_difference(self, trained: TrainedModel) -> None:
        """Refuse to be replaced by another model: only the threshold of a version may be replaced.

        Raises:
            ArtifactError: the version or its validation scores are others.
        """
        if self.version != trained.description.version:
            msg = (
                f"{self.directory} already holds model version {self.version}; save to another directory, or remove "
                "that version first"
            )
            raise ArtifactError(msg)
        if not self.validation.equals(trained.validation):
            msg = (
                f"{self.directory} already holds these weights with other validation scores; save to another directory"
            )
            raise ArtifactError(msg)

    def __hash__(self) -> int:
        """Hash by the place, as the weights are cached by it."""
        return hash(self.directory)

    def _read_calibration(self, path: Location) -> Calibration:
        try:
            calibration = Calibration.model_validate(read_json(path))
        except ValidationError as error:
            msg = f"{path} is not a calibration as it was written: {error.errors()[0]['msg']}"
            raise ArtifactError(msg) from error
        if calibration.scores_sha256 != hash_scores(scores_of(self.validation)):
            msg = f"{path} was calibrated on other scores than this version's {VALIDATION_SCORES}"
            raise ArtifactError(msg)
        return calibration


def serialize_weights(network: nn.Module) -> bytes:
    """Return the bytes of `weights.safetensors`."""
    return serialize({name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()})


@lru_cache(maxsize=2)
def _load_weights(version: ModelVersion, _: tuple[str, ...], device: str) -> Model:
    """Rebuild a model; asked again for the same weights, return the same object.

    Two are kept: a gate compares a challenger with the champion.
    """
    path, about = version.directory / WEIGHTS, version.description
    tensors = load_file(path) if isinstance(path, Path) else deserialize(path.read_bytes())
    return rebuild(about.model, tensors, about.spec, about.history, device)


def _write(staging: Staging, trained: TrainedModel) -> None:
    directory = staging.path
    # Not safetensors' save_file: it makes a file that only its owner may read.
    (directory / WEIGHTS).write_bytes(serialize_weights(trained.model.network))
    write_json(directory / MODEL, trained.description.model_dump(mode="json"))
    write_parquet(trained.validation, directory / VALIDATION_SCORES)
    write_json(directory / PROFILE, trained.profile.model_dump(mode="json"))
    (directory / CARD).write_text(model_card(trained.description, trained.calibration), encoding="utf-8")
    _write_calibration(directory, trained.calibration)
    staging.replaceable.update({CALIBRATION, f"{trained.calibration.calibration_id}.json"})


def _write_calibration(directory: Location, calibration: Calibration) -> None:
    content = calibration.model_dump(mode="json")
    write_json(directory / CALIBRATIONS / f"{calibration.calibration_id}.json", content)
    write_json(directory / CALIBRATION, content)

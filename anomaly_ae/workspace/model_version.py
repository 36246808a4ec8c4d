"""Save and load a model version: a directory of safetensors weights and readable JSON, and no pickle.

    weights.safetensors        the network's tensors
    model.json                 spec, contract, encoder, error scale, split, history, libraries, data
    validation_scores.parquet  the rows a threshold is taken from, so that it can be taken anew without the data
    profile.json               what the feature columns of the train rows held, for drift to be measured against
    card.md                    the same for people
    calibration.json           the threshold in force, the one file a later calibration replaces
    calibrations/              every threshold this version ever had
    manifest.json              SHA-256 of every file; a calibration carries its own

Loading refuses a file of which a byte has changed.
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors.torch import load as deserialize
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import nn

from anomaly_ae.errors import ArtifactError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.modalities.model import AnyModelParts, Model, rebuild
from anomaly_ae.monitoring.profile import Profile
from anomaly_ae.spec import AnyNetworkSpec, Section, Spec
from anomaly_ae.split import SplitRule
from anomaly_ae.storage import (
    Staging,
    is_published,
    is_remote,
    publish,
    read_json,
    read_manifest,
    verify_files,
    write_json,
)
from anomaly_ae.storage.parquet import read_parquet, write_parquet
from anomaly_ae.threshold import Calibration, hash_scores, normal_scores, scores_of
from anomaly_ae.training import Check

FORMAT_VERSION = 2
WEIGHTS, MODEL, VALIDATION_SCORES, CARD = "weights.safetensors", "model.json", "validation_scores.parquet", "card.md"
PROFILE, CALIBRATION, CALIBRATIONS = "profile.json", "calibration.json", "calibrations"
NAMED_ROWS = 20
"""In the card."""
TRIMMED = "## Trimmed rows\n{rows} train rows lie far from all others, and nothing was learned from them"
EXCLUDED = "## Excluded rows\n{rows} rows were found to be anomalies by a reviewer, and are in no split but test"
LIBRARIES = ("anomaly_ae", "torch", "numpy", "pyarrow", "pandas", "scipy", "safetensors")


class Description(Section):
    """What `model.json` holds: a model version but for its tensors and its threshold."""

    format_version: int
    name: str
    version: str
    spec: Spec
    contract: Contract
    split_rule: SplitRule
    split: dict[str, int | float | str]
    data: dict[str, Any]
    model: AnyModelParts
    history: tuple[Check, ...]
    trimmed: tuple[str, ...] = ()
    libraries: dict[str, str]

    @property
    def network(self) -> AnyNetworkSpec:
        """The network that was fitted."""
        return self.model.fitted_network(self.spec)


@dataclass(frozen=True)
class ModelVersion:
    """A model with everything needed to score and judge new rows.

    Attributes:
        description: names, spec, contract, split and lineage, as in `model.json`.
        model: what scores.
        calibration: the threshold in force.
        validation: the rows thresholds are taken from, ascending by their column `anomaly_score`.
        profile: what the feature columns of the train rows held.
    """

    description: Description
    model: Model
    calibration: Calibration
    validation: pa.Table
    profile: Profile = field(default_factory=Profile)

    @property
    def validation_scores(self) -> NDArray[np.float64]:
        """The anomaly scores of the normal validation rows, ascending, `(n_validation,)`."""
        return normal_scores(self.validation)


def describe(
    model: Model,
    *,
    version: str,
    spec: Spec,
    contract: Contract,
    split_rule: SplitRule,
    split: dict[str, Any],
    data: dict[str, Any],
    trimmed: Sequence[str] = (),
) -> Description:
    """Say of a model everything that `model.json` holds; `trimmed` are the ids of its trimmed rows."""
    return Description(
        format_version=FORMAT_VERSION,
        name=spec.name,
        version=version,
        spec=spec,
        contract=contract,
        split_rule=split_rule,
        split=split | ({"train_rows_trimmed": len(trimmed)} if spec.training.robust else {}),
        data=data,
        model=model.parts,
        history=model.history,
        trimmed=tuple(trimmed),
        libraries=library_versions(),
    )


def save_model(target: Path, one: ModelVersion) -> None:
    """Publish a model version as the directory `target`, which appears whole.

    When it was made is in the manifest: the other files are the same each time it is made.

    Raises:
        ArtifactError: another version, or other validation scores, are there already.
    """
    if is_published(target):
        _refuse_another(target, one)
        save_calibration(target, one.calibration)
        return
    with publish(target) as staging:
        _write(staging, one)
        trained_at = datetime.now(UTC).isoformat(timespec="seconds")
        version = one.description.version
        staging.facts.update(kind="model", format_version=FORMAT_VERSION, version=version, trained_at=trained_at)


def load_model(directory: Path, device: str = "cpu") -> ModelVersion:
    """Load a model version.

    Args:
        directory: where `save_model` put it.
        device: where its network shall compute.

    Raises:
        ArtifactError: a file is missing, altered, or of a format this release does not read.
    """
    description = load_description(directory)
    weights = directory / WEIGHTS
    tensors = deserialize(weights.read_bytes()) if is_remote(weights) else load_file(weights)
    model = rebuild(description.model, tensors, description.spec, description.history, device)
    calibration, validation = load_calibration(directory), load_validation(directory)
    return ModelVersion(description, model, calibration, validation, load_profile(directory))


def load_description(directory: Path) -> Description:
    """Load what a model version says of itself, without its tensors.

    Raises:
        ArtifactError: the directory is no model version, or a file of it is missing or altered.
    """
    manifest = read_manifest(directory, "model")
    if manifest.get("format_version") != FORMAT_VERSION:
        msg = (
            f"{directory} has format {manifest.get('format_version')}; this release reads {FORMAT_VERSION}: train anew"
        )
        raise ArtifactError(msg)
    verify_files(directory, manifest["files"])
    return Description.model_validate(read_json(directory / MODEL))


def load_validation(directory: Path) -> pa.Table:
    """Load the rows that thresholds are taken from, ascending by their column `anomaly_score`.

    Raises:
        ArtifactError: they are missing or have been altered.
    """
    recorded = read_manifest(directory, "model")["files"].get(VALIDATION_SCORES, {})
    verify_files(directory, {VALIDATION_SCORES: recorded})
    return read_parquet(directory / VALIDATION_SCORES)


def load_validation_scores(directory: Path) -> NDArray[np.float64]:
    """Load the scores of the normal validation rows, ascending, `(n_validation,)`; errors as of `load_validation`."""
    return normal_scores(load_validation(directory))


def load_profile(directory: Path) -> Profile:
    """Load what the feature columns of the train rows held; no column where training kept no profile.

    Raises:
        ArtifactError: the profile is missing or has been altered.
    """
    recorded = read_manifest(directory, "model")["files"].get(PROFILE)
    if recorded is None:
        return Profile()
    verify_files(directory, {PROFILE: recorded})
    return Profile.model_validate(read_json(directory / PROFILE))


def load_calibration(directory: Path) -> Calibration:
    """Load the threshold in force.

    Raises:
        ArtifactError: it is missing, has been altered, or was taken from another version's validation scores.
    """
    try:
        calibration = Calibration.model_validate(read_json(directory / CALIBRATION))
    except ValidationError as error:
        msg = f"{directory / CALIBRATION} is not a calibration as it was written: {error.errors()[0]['msg']}"
        raise ArtifactError(msg) from error
    if calibration.scores_sha256 != hash_scores(scores_of(load_validation(directory))):
        msg = f"{directory / CALIBRATION} was taken from other scores than this version's {VALIDATION_SCORES}"
        raise ArtifactError(msg)
    return calibration


def save_calibration(directory: Path, calibration: Calibration) -> None:
    """Put a threshold in force; earlier ones stay beside it."""
    history = directory / CALIBRATIONS
    content = calibration.model_dump(mode="json")
    write_json(history / f"{calibration.calibration_id}.json", content)
    write_json(directory / CALIBRATION, content)


def serialize_weights(network: nn.Module) -> bytes:
    """Return the bytes of `weights.safetensors`."""
    return serialize({name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()})


def library_versions() -> dict[str, str]:
    """Return the versions that the bits of a score may depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def _refuse_another(target: Path, one: ModelVersion) -> None:
    """Refuse to save over another model: only the threshold of a version may be replaced."""
    there = load_description(target).version
    if there != one.description.version:
        msg = f"{target} already holds model version {there}; save to another directory, or remove that one first"
        raise ArtifactError(msg)
    if not load_validation(target).equals(one.validation):
        msg = f"{target} already holds these weights with other validation scores; save to another directory"
        raise ArtifactError(msg)


def _write(staging: Staging, one: ModelVersion) -> None:
    directory, network = staging.path, one.model.network
    # Not safetensors' save_file: it makes a file that only its owner may read.
    (directory / WEIGHTS).write_bytes(serialize_weights(network))
    write_json(directory / MODEL, one.description.model_dump(mode="json"))
    write_parquet(one.validation, directory / VALIDATION_SCORES)
    write_json(directory / PROFILE, one.profile.model_dump(mode="json"))
    (directory / CARD).write_text(_card(one), encoding="utf-8")
    save_calibration(directory, one.calibration)
    staging.replaceable.update({CALIBRATION, f"{one.calibration.calibration_id}.json"})


def _card(one: ModelVersion) -> str:
    """Say in Markdown what the version is, from what, and what it promises."""
    about, calibration = one.description, one.calibration
    columns = "\n".join(f"| {column.name} | {column.role} | {column.note} |" for column in about.contract.columns)
    counts = "\n".join(f"| {name} | {value} |" for name, value in about.split.items())
    return f"""# {about.name} {about.version}

A {about.network.kind} autoencoder over {about.model.summary}.

Threshold {calibration.threshold:.6g} on the anomaly score, from {calibration.n_validation} held-out validation rows.
{calibration.promise} It promises nothing about rows from another source.

## Rows
| | |
|---|---|
{counts}

## Columns
| column | role | why |
|---|---|---|
{columns}
{_named_rows(about.trimmed, TRIMMED)}{_named_rows(about.split_rule.excluded, EXCLUDED)}"""


def _named_rows(ids: tuple[str, ...], why: str) -> str:
    """Name rows that were left out; all of them are in `model.json`."""
    named = ", ".join(ids[:NAMED_ROWS]) + (", ..." if len(ids) > NAMED_ROWS else "")
    return f"\n{why.format(rows=len(ids))}: {named}.\n" if ids else ""

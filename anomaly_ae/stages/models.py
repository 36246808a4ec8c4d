"""Models: every version of a model, with its aliases, its promise and how it did on its own test rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anomaly_ae.errors import ArtifactError
from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.stages.evaluate import METRICS
from anomaly_ae.stages.score import SCORED
from anomaly_ae.storage import is_published, read_json, read_manifest
from anomaly_ae.workspace.model_version import MODEL, Description, load_calibration, load_description
from anomaly_ae.workspace.registry import MODELS, read_aliases


@dataclass(frozen=True)
class VersionSummary:
    """One version of a model.

    Attributes:
        version: its name.
        directory: where it is.
        aliases: what it stands for: champion, challenger, or what rolling back would bring back.
        trained_at: when it was made.
        unreadable: why this release cannot use it, of another format or altered as it is; what follows is then unknown.
        rows: of the dataset it was made from.
        threshold: in force.
        promise: what that promises.
        metrics: on its own test rows at that threshold; None where nobody evaluated them, or no row has a label.
    """

    version: str
    directory: Path
    aliases: tuple[str, ...]
    trained_at: str
    unreadable: str | None = None
    rows: int | None = None
    threshold: float | None = None
    promise: str | None = None
    metrics: Metrics | None = None


def list_models(workspace: Path, name: str) -> tuple[VersionSummary, ...]:
    """List the versions of the model called `name`, latest first; one that this release cannot use says why.

    Raises:
        ArtifactError: the aliases, or a manifest, are not as they were written.
    """
    directories = [path for path in (workspace / MODELS).glob("[!.]*") if is_published(path)]
    scored = list(_scored(workspace))
    found = [_look_at(path, workspace, scored) for path in directories if _name_of(path) == name]
    return tuple(sorted(found, key=lambda one: (one.trained_at, one.version), reverse=True))


def _name_of(directory: Path) -> str:
    """Return the name of the model that a version is of, whatever its format."""
    path = directory / MODEL
    return str(read_json(path).get("name")) if path.is_file() else ""


def _look_at(directory: Path, workspace: Path, scored: list[tuple[Path, dict[str, Any]]]) -> VersionSummary:
    try:
        return _summarise(directory, load_description(directory), workspace, scored)
    except ArtifactError as error:
        version, trained_at = directory.name, read_manifest(directory, "model").get("trained_at", "")
        aliases = _aliases_of(version, workspace, _name_of(directory))
        return VersionSummary(version, directory, aliases, trained_at, unreadable=str(error))


def _aliases_of(version: str, workspace: Path, name: str) -> tuple[str, ...]:
    known = read_aliases(workspace, name)
    named = {"champion": known.champion, "challenger": known.challenger, "before": (*known.champions[-2:-1], None)[0]}
    return tuple(alias for alias, one in named.items() if one == version)


def _scored(workspace: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the scored tables that were evaluated, with their manifests."""
    for path in (workspace / SCORED).glob("[!.]*"):
        if is_published(path) and (path / METRICS).is_file():
            yield path, read_manifest(path, "scored")


def _summarise(
    directory: Path, about: Description, workspace: Path, scored: list[tuple[Path, dict[str, Any]]]
) -> VersionSummary:
    calibration = load_calibration(directory)
    made = {
        "model_version": about.version,
        "calibration_id": calibration.calibration_id,
        "dataset": about.data["dataset"],
    }
    own = [path for path, manifest in scored if all(manifest[key] == value for key, value in made.items())]
    return VersionSummary(
        version=about.version,
        directory=directory,
        aliases=_aliases_of(about.version, workspace, about.name),
        trained_at=read_manifest(directory, "model")["trained_at"],
        rows=about.data["rows"],
        threshold=calibration.threshold,
        promise=calibration.promise,
        metrics=Metrics.model_validate(read_json(own[0] / METRICS)) if own else None,
    )

"""Models: every version of a model, with its aliases, its promise and how it did on its own test rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anomaly_ae.artifact import Description, load_calibration, load_description
from anomaly_ae.evaluation import Metrics
from anomaly_ae.registry import MODELS, read_aliases
from anomaly_ae.steps.evaluate import METRICS
from anomaly_ae.steps.score import SCORED
from anomaly_ae.storage import is_published, read_json, read_manifest


@dataclass(frozen=True)
class VersionSummary:
    """One version of a model.

    Attributes:
        version: its name.
        directory: where it is.
        aliases: what it stands for: champion, challenger, or what rolling back would bring back.
        trained_at: when it was made.
        rows: of the dataset it was made from.
        threshold: in force.
        promise: what that promises.
        metrics: on its own test rows at that threshold; None where nobody evaluated them, or no row has a label.
    """

    version: str
    directory: Path
    aliases: tuple[str, ...]
    trained_at: str
    rows: int
    threshold: float
    promise: str
    metrics: Metrics | None


def list_models(workspace: Path, name: str) -> tuple[VersionSummary, ...]:
    """List the versions of the model called `name`, latest first.

    Raises:
        ArtifactError: a version is altered, or of a format this release does not read.
    """
    directories = [path for path in (workspace / MODELS).glob("[!.]*") if is_published(path)]
    described = [(path, load_description(path)) for path in directories]
    scored = list(_scored(workspace))
    found = [_summarise(path, about, workspace, scored) for path, about in described if about.name == name]
    return tuple(sorted(found, key=lambda one: (one.trained_at, one.version), reverse=True))


def _scored(workspace: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the scored tables that were evaluated, with their manifests."""
    for path in (workspace / SCORED).glob("[!.]*"):
        if is_published(path) and (path / METRICS).is_file():
            yield path, read_manifest(path, "scored")


def _summarise(
    directory: Path, about: Description, workspace: Path, scored: list[tuple[Path, dict[str, Any]]]
) -> VersionSummary:
    calibration, known = load_calibration(directory), read_aliases(workspace, about.name)
    named = {"champion": known.champion, "challenger": known.challenger, "before": (*known.champions[-2:-1], None)[0]}
    made = {
        "model_version": about.version,
        "calibration_id": calibration.calibration_id,
        "dataset": about.data["dataset"],
    }
    own = [path for path, manifest in scored if all(manifest[key] == value for key, value in made.items())]
    return VersionSummary(
        version=about.version,
        directory=directory,
        aliases=tuple(alias for alias, version in named.items() if version == about.version),
        trained_at=read_manifest(directory, "model")["trained_at"],
        rows=about.data["rows"],
        threshold=calibration.threshold,
        promise=calibration.promise,
        metrics=Metrics.model_validate(read_json(own[0] / METRICS)) if own else None,
    )

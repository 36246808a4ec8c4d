"""Models: every version of a model, with its aliases, its promise and its metrics on its own test rows."""

from dataclasses import dataclass
from typing import TypeAlias

from anomaly_ae.errors import ArtifactError
from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.storage import read_json, read_manifest
from anomaly_ae.storage.locations import Location
from anomaly_ae.workspace.model_version import MODEL, ModelManifest, ModelVersion
from anomaly_ae.workspace.registry import Aliases
from anomaly_ae.workspace.scored_table import ScoredTable
from anomaly_ae.workspace.workspace import Workspace

Judged: TypeAlias = list[tuple[ScoredTable, Metrics]]


@dataclass(frozen=True)
class VersionSummary:
    """One version of a model.

    Attributes:
        version: its name.
        directory: where it is.
        aliases: its aliases: champion, challenger, or before (the one that rolling back would restore).
        trained_at: when it was made.
        unreadable: why this release cannot use it (another format, or altered); the fields below are then None.
        rows: of the dataset it was made from.
        threshold: in force.
        promise: what that promises.
        metrics: on its own test rows at that threshold; None if they were not judged or have no labels.
    """

    version: str
    directory: Location
    aliases: tuple[str, ...]
    trained_at: str
    unreadable: str | None = None
    rows: int | None = None
    threshold: float | None = None
    promise: str | None = None
    metrics: Metrics | None = None


def list_models(workspace: Workspace, name: str) -> tuple[VersionSummary, ...]:
    """List the versions of the model called `name`, latest first; one that this release cannot use says why.

    Raises:
        ArtifactError: the aliases, or a manifest, are not as they were written.
    """
    aliases = workspace.registry(name).aliases()
    judged = [(table, metrics) for table in workspace.tables() if (metrics := table.metrics) is not None]
    directories = [directory for directory in workspace.model_directories() if _name_of(directory) == name]
    found = [_summarise(directory, aliases, judged) for directory in directories]
    return tuple(sorted(found, key=lambda summary: (summary.trained_at, summary.version), reverse=True))


def _name_of(directory: Location) -> str:
    """Return the name of the model that a version is of, whatever its format."""
    path = directory / MODEL
    return str(read_json(path).get("name")) if path.is_file() else ""


def _summarise(directory: Location, aliases: Aliases, judged: Judged) -> VersionSummary:
    try:
        return _describe(ModelVersion.open(directory), aliases, judged)
    except ArtifactError as error:
        trained_at = read_manifest(directory, ModelManifest.KIND).get("trained_at", "")
        named = _names_of(directory.name, aliases)
        return VersionSummary(directory.name, directory, named, trained_at, unreadable=str(error))


def _names_of(version: str, aliases: Aliases) -> tuple[str, ...]:
    before = (*aliases.champions[-2:-1], None)[0]
    named = {"champion": aliases.champion, "challenger": aliases.challenger, "before": before}
    return tuple(alias for alias, stands_for in named.items() if stands_for == version)


def _describe(model: ModelVersion, aliases: Aliases, judged: Judged) -> VersionSummary:
    about, calibration = model.description, model.calibration
    own = [metrics for table, metrics in judged if _is_own(table, model, calibration.calibration_id)]
    return VersionSummary(
        version=model.version,
        directory=model.directory,
        aliases=_names_of(model.version, aliases),
        trained_at=model.manifest.trained_at,
        rows=about.data["rows"],
        threshold=calibration.threshold,
        promise=calibration.promise,
        metrics=own[0] if own else None,
    )


def _is_own(table: ScoredTable, model: ModelVersion, calibration_id: str) -> bool:
    """Say whether a table holds the rows that a version was made from, at its threshold in force."""
    made = table.manifest.model_version, table.manifest.calibration_id, table.manifest.dataset
    return made == (model.version, calibration_id, model.description.data["dataset"])

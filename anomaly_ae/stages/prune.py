"""Prune: leftovers of dead processes, and model versions that nothing names any more, leave a workspace.

Datasets and scored tables stay: analysts read them, and nothing here knows who still does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from anomaly_ae.storage import files_below, is_remote, owner_is_gone, reach, read_manifest, remove, withdraw
from anomaly_ae.storage.locations import Location
from anomaly_ae.workspace.scored_table import ScoredManifest
from anomaly_ae.workspace.workspace import Workspace

STALE_AFTER = timedelta(days=1)
"""When a leftover of another host, whose processes cannot be asked for, counts as abandoned: nothing in it changed."""


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would have been.

    Attributes:
        leftovers: staging directories and files of processes that are gone, and checkpoints that nobody went on from.
        models: model versions.
    """

    leftovers: tuple[Location, ...]
    models: tuple[Location, ...]


def prune(workspace: Workspace, keep: timedelta, *, dry_run: bool) -> Pruned:
    """Remove leftovers, and model versions older than `keep` that no alias and no scored table of the workspace names.

    While anything is being scored no version goes: a run may be using one that it was given by name.

    Args:
        workspace: directory of datasets, models and scored tables.
        keep: a version younger than this stays.
        dry_run: only say what would go.
    """
    reach(workspace.location)
    leftovers = tuple(path for path in sorted(workspace.unfinished()) if _is_abandoned(path))
    models = tuple(sorted(_unused_models(workspace, keep)))
    if not dry_run:
        for path in leftovers:
            remove(path)
        for path in models:
            withdraw(path)
    return Pruned(leftovers, models)


def _is_abandoned(staging: Location) -> bool:
    """Say whether nobody will finish what was being written: its process is gone, or nothing happened for a day."""
    return owner_is_gone(staging) or _age(staging) > STALE_AFTER


def _unused_models(workspace: Workspace, keep: timedelta) -> Iterator[Location]:
    """Yield the model versions older than `keep` that no alias and no scored table names."""
    if any(not _is_abandoned(path) for path in workspace.scoring_in_progress()):
        return
    named = {version for aliases in workspace.aliases() for version in aliases.in_use} | _versions_that_scored(
        workspace
    )
    for directory in workspace.model_directories():
        if directory.name not in named and _age(directory) > keep:
            yield directory


def _versions_that_scored(workspace: Workspace) -> set[str]:
    """Return the versions that scored the tables of a workspace, of whatever format."""
    manifests = (read_manifest(path, ScoredManifest.KIND) for path in workspace.scored_directories())
    return {manifest["model_version"] for manifest in manifests}


def _age(path: Location) -> timedelta:
    """Return how long ago anything in a directory, or a file, last changed."""
    held = files_below(path) if is_remote(path) else [path, *path.rglob("*")]
    latest = max(held_path.stat().st_mtime for held_path in held)
    return datetime.now(UTC) - datetime.fromtimestamp(latest, UTC)

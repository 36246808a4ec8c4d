"""Prune: leftovers of dead processes, and model versions that nothing names any more, leave a workspace.

Datasets and scored tables stay: analysts read them, and nothing here knows who still does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from anomaly_ae.stages.score import SCORED
from anomaly_ae.storage import (
    STAGING,
    files_below,
    is_published,
    is_remote,
    owner_is_gone,
    reach,
    read_manifest,
    remove,
    withdraw,
)
from anomaly_ae.workspace.ledger import PARTITIONS
from anomaly_ae.workspace.registry import MODELS, TRAINING, aliased_versions

STALE_AFTER = timedelta(days=1)
"""When a leftover of another host, whose processes cannot be asked for, counts as abandoned: nothing in it changed."""


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would have been.

    Attributes:
        leftovers: staging directories and files of processes that are gone, and checkpoints that nobody went on from.
        models: model versions.
    """

    leftovers: tuple[Path, ...]
    models: tuple[Path, ...]


def prune(workspace: Path, keep: timedelta, *, dry_run: bool) -> Pruned:
    """Remove leftovers, and model versions older than `keep` that no alias and no scored table of the workspace names.

    While anything is being scored no version goes: a run may be using one that it was given by name.

    Args:
        workspace: directory of datasets, models and scored tables.
        keep: a version younger than this stays.
        dry_run: only say what would go.
    """
    reach(workspace)
    staged = {
        *workspace.glob(f"*/{STAGING}*"),
        *workspace.glob(f"*/[!.]*/{STAGING}*"),
        *workspace.glob(f"{PARTITIONS}/**/{STAGING}*"),
        *workspace.glob(f"{MODELS}/{TRAINING}*"),
        *_unfinished(workspace),
    }
    leftovers = tuple(path for path in sorted(staged) if is_abandoned(path))
    models = tuple(sorted(unused_models(workspace, keep)))
    if not dry_run:
        for path in leftovers:
            remove(path)
        for path in models:
            withdraw(path)
    return Pruned(leftovers, models)


def is_abandoned(staging: Path) -> bool:
    """Say whether nobody will finish what was being written: its process is gone, or nothing happened for a day."""
    return owner_is_gone(staging) or _age(staging) > STALE_AFTER


def unused_models(workspace: Path, keep: timedelta) -> Iterator[Path]:
    """Yield the model versions older than `keep` that no alias and no scored table names."""
    if any(not is_abandoned(path) for path in (workspace / SCORED).glob(f"{STAGING}*")):
        return
    named = aliased_versions(workspace) | _versions_that_scored(workspace)
    for path in (workspace / MODELS).glob("[!.]*"):
        if is_published(path) and path.name not in named and _age(path) > keep:
            yield path


def _unfinished(workspace: Path) -> Iterator[Path]:
    """Yield what was being published on an object store, where nothing can appear at once: it has no manifest."""
    kinds: tuple[str, ...] = ("datasets", MODELS, SCORED) if is_remote(workspace) else ()
    for path in (path for kind in kinds for path in (workspace / kind).glob("[!.]*")):
        if not is_published(path):
            yield path


def _versions_that_scored(workspace: Path) -> set[str]:
    tables = [path for path in (workspace / SCORED).glob("[!.]*") if is_published(path)]
    return {read_manifest(path, "scored")["model_version"] for path in tables}


def _age(path: Path) -> timedelta:
    """Return how long ago anything in a directory, or a file, last changed."""
    held = files_below(path) if is_remote(path) else [path, *path.rglob("*")]
    latest = max(one.stat().st_mtime for one in held)
    return datetime.now(UTC) - datetime.fromtimestamp(latest, UTC)

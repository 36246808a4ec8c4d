"""Directories on an object store: prefixes that cannot be renamed and become visible with the last object written.

Objects are staged under a separate prefix, then copied to their names within the store; the manifest is written last
and is the commit. Because copying takes time, only one writer may do it at once: the one that creates the next claim in
the directory, an operation that only one can win. The others wait for its manifest; a stale claim is taken over.
"""

import contextlib
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from anomaly_ae.errors import ArtifactError, StorageError
from anomaly_ae.storage.files import create_json, read_json, write_json
from anomaly_ae.storage.leftovers import STAGING, owner_is_gone, remove
from anomaly_ae.storage.locations import files_below

if TYPE_CHECKING:
    from upath import UPath

_CLAIM = f"{STAGING}claim-"
STALE_AFTER = timedelta(minutes=10)
"""Age at which another host's claim is taken over; its owner refreshes it while copying."""
_POLL_SECONDS = 0.5
_COPY_BATCH = 100
"""Objects copied between refreshes of the claim."""


def appear(staged: "UPath", target: "UPath", manifest_name: str, manifest: Any) -> None:
    """Copy staged objects to their names, then create the manifest; do nothing if there is one already.

    Raises:
        ArtifactError: the directory holds objects that no writer claimed, so no stage published them.
        StorageError: this process was suspended for so long that another one took over.
    """
    claim = _claim(target, manifest_name, staged.name)
    if claim is None:
        return
    try:
        _replace(target, staged, claim)
    except BaseException:
        if _is_last(claim):
            _remove_all_but(target, ())
            remove(claim)
        raise
    if not _is_last(claim):
        msg = f"{target} was taken over by another writer because this one stalled; run again"
        raise StorageError(msg)
    with contextlib.suppress(FileExistsError):  # ours: it was stored, but the response was lost and the client retried
        create_json(target / manifest_name, manifest)
    for path in _claims(target):
        remove(path)


def withdraw(directory: "UPath", manifest_name: str) -> None:
    """Remove the manifest, which hides the directory from readers, then the other objects."""
    (directory / manifest_name).unlink(missing_ok=True)
    remove(directory)


def _replace(target: "UPath", staged: "UPath", claim: "UPath") -> None:
    """Replace the objects of a dead writer by the staged ones, refreshing the claim meanwhile."""
    names = [path.relative_to(staged).as_posix() for path in files_below(staged)]
    _remove_all_but(target, names)
    for start in range(0, len(names), _COPY_BATCH):
        batch = names[start : start + _COPY_BATCH]
        target.fs.copy([f"{staged.path}/{name}" for name in batch], [f"{target.path}/{name}" for name in batch])
        write_json(claim, staged.name)


def _remove_all_but(target: "UPath", names: Collection[str]) -> None:
    for path in files_below(target):
        if path.relative_to(target).as_posix() not in names and not path.name.startswith(_CLAIM):
            remove(path)


def _claim(target: "UPath", manifest_name: str, owner: str) -> "UPath | None":
    """Wait until no one else writes to `target`, then claim it; return None if it has a manifest by then."""
    while True:
        held = files_below(target)
        claims = [path for path in held if path.name.startswith(_CLAIM)]
        if target / manifest_name in held:
            return None
        if held and not claims:
            msg = f"{target} exists but was not published by a stage; remove it or choose another directory"
            raise ArtifactError(msg)
        if claims and _owner(claims[-1]) == owner:
            return claims[-1]
        if claims and not _is_stale(claims[-1]):
            time.sleep(_POLL_SECONDS)
            continue
        with contextlib.suppress(FileExistsError):
            create_json(target / f"{_CLAIM}{len(claims) + 1:06d}", owner)


def _claims(target: "UPath") -> "list[UPath]":
    return sorted(target.glob(f"{_CLAIM}*"))


def _is_last(claim: "UPath") -> bool:
    return _claims(claim.parent)[-1:] == [claim]


def _is_stale(claim: "UPath") -> bool:
    try:
        age = datetime.now(UTC) - datetime.fromtimestamp(claim.stat().st_mtime, UTC)
    except FileNotFoundError:  # its writer has finished
        return False
    return age > STALE_AFTER or owner_is_gone(PurePosixPath(_owner(claim)))


def _owner(claim: "UPath") -> str:
    """Return the owner of a claim, or "" if the claim is gone."""
    try:
        return str(read_json(claim))
    except ArtifactError:
        return ""

"""Directories on an object store: prefixes that no one can rename, which appear with the object written last.

Objects are staged under a prefix of their own, then copied to their names within the store; the manifest comes last,
and is the commit. Copying takes a while, so one writer at a time may do it: who creates the next claim in the
directory, which only one can. The others wait for its manifest; a claim that nobody keeps fresh is taken over.
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

CLAIM = f"{STAGING}claim-"
STALE_AFTER = timedelta(minutes=10)
"""When the claim of another host is taken over; its owner keeps it fresh while it copies."""
_LOOK_AGAIN = 0.5
"""Seconds."""
_COPIED_AT_ONCE = 100


def appear(staged: "UPath", target: "UPath", manifest_name: str, manifest: Any) -> None:
    """Copy staged objects to their names, then create the manifest; nothing is done where one is there already.

    Raises:
        ArtifactError: there are objects that no writer claimed: they are no step's.
        StorageError: this process stood still for so long that another took over.
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
        msg = f"{target} was taken over by another writer, as this one stood still; run again"
        raise StorageError(msg)
    with contextlib.suppress(FileExistsError):  # ours: it was stored, the answer got lost, and the client asked again
        create_json(target / manifest_name, manifest)
    for path in _claims(target):
        remove(path)


def withdraw(directory: "UPath", manifest_name: str) -> None:
    """Remove the manifest, with which the directory is gone for every reader, then the other objects."""
    (directory / manifest_name).unlink(missing_ok=True)
    remove(directory)


def _replace(target: "UPath", staged: "UPath", claim: "UPath") -> None:
    """Put staged objects in the place of whatever a dead writer left, and keep the claim fresh meanwhile."""
    names = [path.relative_to(staged).as_posix() for path in files_below(staged)]
    _remove_all_but(target, names)
    for start in range(0, len(names), _COPIED_AT_ONCE):
        some = names[start : start + _COPIED_AT_ONCE]
        target.fs.copy([f"{staged.path}/{name}" for name in some], [f"{target.path}/{name}" for name in some])
        write_json(claim, staged.name)


def _remove_all_but(target: "UPath", names: Collection[str]) -> None:
    for path in files_below(target):
        if path.relative_to(target).as_posix() not in names and not path.name.startswith(CLAIM):
            remove(path)


def _claim(target: "UPath", manifest_name: str, owner: str) -> "UPath | None":
    """Wait until nobody else writes to `target`, and claim it; None where it has its manifest by then."""
    while True:
        held = files_below(target)
        claims = [path for path in held if path.name.startswith(CLAIM)]
        if target / manifest_name in held:
            return None
        if held and not claims:
            msg = f"{target} is there, but is not what a step published; remove it or name another directory"
            raise ArtifactError(msg)
        if claims and _owner(claims[-1]) == owner:
            return claims[-1]
        if claims and not _is_stale(claims[-1]):
            time.sleep(_LOOK_AGAIN)
            continue
        with contextlib.suppress(FileExistsError):
            create_json(target / f"{CLAIM}{len(claims) + 1:06d}", owner)


def _claims(target: "UPath") -> "list[UPath]":
    return sorted(target.glob(f"{CLAIM}*"))


def _is_last(claim: "UPath") -> bool:
    return _claims(claim.parent)[-1:] == [claim]


def _is_stale(claim: "UPath") -> bool:
    try:
        age = datetime.now(UTC) - datetime.fromtimestamp(claim.stat().st_mtime, UTC)
    except FileNotFoundError:  # it is done
        return False
    return age > STALE_AFTER or owner_is_gone(PurePosixPath(_owner(claim)))


def _owner(claim: "UPath") -> str:
    """Return who made a claim; nobody where it is gone."""
    try:
        return str(read_json(claim))
    except ArtifactError:
        return ""

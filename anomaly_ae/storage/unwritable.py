"""Says in words why a place cannot be written, where the operating system says it with a number."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anomaly_ae.errors import StorageError
from anomaly_ae.storage.locations import AnyLocation, Location

FULL = {errno.ENOSPC, errno.EDQUOT}
CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
TOO_LARGE = {errno.EFBIG}
INTACT = "then run again: what was published before is as it was, and what was begun is removed"


@contextmanager
def explain_unwritable(target: Location) -> Iterator[None]:
    """Let a failure to write `target`, or a file below its parent, be said in words.

    Whatever else fails in the block is passed on as it is.

    Raises:
        StorageError: the disk is full, a file grew too large, or the place is read-only or not ours to write to.
    """
    try:
        yield
    except OSError as error:
        reason = _reason(error, target)
        if reason is None:
            raise
        msg = f"{_visible(target)} cannot be written: {reason}, {INTACT}"
        raise StorageError(msg) from error


def _reason(error: OSError, target: Location) -> str | None:
    """Say what stood in the way and what to do; None where it was nothing about writing there."""
    if not isinstance(target, Path):  # on an object store; its errors have no number
        denied = isinstance(error, PermissionError)
        return f"access is denied ({error}); let the credentials in use write there" if denied else None
    if error.errno in FULL:
        return f"no space is left ({_free(target)}); make room, or name another workspace"
    if error.errno in TOO_LARGE:
        return "a file grew larger than this process (ulimit -f) or the file system allows; raise that"
    if error.errno in CLOSED and _is_below(error.filename, target.parent):
        what = "the file system is read-only" if error.errno == errno.EROFS else "permission is denied"
        return f"{what} ({error.filename}); make it writable for this user, or name another workspace"
    return None


def _free(target: Path) -> str:
    there = next(path for path in (_visible(target), *target.absolute().parents) if path.exists())
    return f"{shutil.disk_usage(there).free / 1e6:.1f} MB free in {there}"


def _visible(target: AnyLocation) -> AnyLocation:
    """Return the place itself, or the directory that what is written under a hidden name shall be in."""
    hidden = [path for path in (target, *target.parents) if path.name.startswith(".staging-")]
    return hidden[-1].parent if hidden else target


def _is_below(filename: str | bytes | int | None, directory: Path) -> bool:
    """Say whether a file is in the directory, or is the directory, or one that would have to be made for it."""
    if not isinstance(filename, str):
        return False
    path, place = Path(filename).absolute(), directory.absolute()
    return path.is_relative_to(place) or place.is_relative_to(path)

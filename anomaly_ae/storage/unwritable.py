"""Clear errors for locations that cannot be written, in place of the operating system's error numbers."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anomaly_ae.errors import StorageError
from anomaly_ae.storage.locations import AnyLocation, Location

_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EROFS, errno.EACCES, errno.EPERM}
_TOO_LARGE = {errno.EFBIG}
_INTACT = "then run again: published results are intact, and unfinished files have been removed"


@contextmanager
def explain_unwritable(target: Location) -> Iterator[None]:
    """Turn a failure to write `target`, or a file below its parent, into a clear error.

    Other exceptions raised in the block are passed on unchanged.

    Raises:
        StorageError: the disk is full or read-only, a file grew too large, or permission is denied.
    """
    try:
        yield
    except OSError as error:
        reason = _reason(error, target)
        if reason is None:
            raise
        msg = f"{_visible(target)} cannot be written: {reason}, {_INTACT}"
        raise StorageError(msg) from error


def _reason(error: OSError, target: Location) -> str | None:
    """Return the cause and the remedy, or None if the error is not about writing there."""
    if not isinstance(target, Path):  # errors of object stores have no number
        denied = isinstance(error, PermissionError)
        return f"access is denied ({error}); grant the credentials in use write access" if denied else None
    if error.errno in _FULL:
        return f"no space is left ({_free(target)}); free some space or choose another workspace"
    if error.errno in _TOO_LARGE:
        return "a file grew larger than this process (ulimit -f) or the file system allows; raise the limit"
    if error.errno in _DENIED and _is_below(error.filename, target.parent):
        cause = "the file system is read-only" if error.errno == errno.EROFS else "permission is denied"
        return f"{cause} ({error.filename}); make it writable for this user, or choose another workspace"
    return None


def _free(target: Path) -> str:
    existing = next(path for path in (_visible(target), *target.absolute().parents) if path.exists())
    return f"{shutil.disk_usage(existing).free / 1e6:.1f} MB free in {existing}"


def _visible(target: AnyLocation) -> AnyLocation:
    """Return the location itself, or the parent of the hidden directory it is in."""
    hidden = [path for path in (target, *target.parents) if path.name.startswith(".staging-")]
    return hidden[-1].parent if hidden else target


def _is_below(filename: str | bytes | int | None, directory: Path) -> bool:
    """Return whether a file is in the directory, is the directory, or is one of its parents."""
    if not isinstance(filename, str):
        return False
    path, folder = Path(filename).absolute(), directory.absolute()
    return path.is_relative_to(folder) or folder.is_relative_to(path)

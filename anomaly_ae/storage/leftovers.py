"""Leftovers: hidden names used while writing, and the files that dead processes leave under them."""

import contextlib
import os
import shutil
import socket
import uuid
from pathlib import Path, PurePath

from anomaly_ae.storage.locations import AnyLocation, Location, is_remote

STAGING = ".staging-"


def hidden_beside(target: AnyLocation) -> AnyLocation:
    """Return a hidden name beside `target`, ignored by readers, that identifies its owner."""
    owner = f"{socket.gethostname()}-{os.getpid()}"
    return target.parent / f"{STAGING}{target.name}-{owner}-{uuid.uuid4().hex[:8]}"


def owner_is_gone(staging: Location | PurePath) -> bool:
    """Return whether a staging directory or file was made on this host by a process that has ended."""
    owner, _, _ = staging.name.rpartition("-")
    host, _, pid = owner.rpartition("-")
    return host.endswith(f"-{socket.gethostname()}") and pid.isdecimal() and not _is_alive(int(pid))


def clear_stale(target: Location) -> None:
    """Remove the unfinished files for `target` of processes of this host that have ended."""
    for path in target.parent.glob(f"{STAGING}{target.name}-*"):
        if owner_is_gone(path):
            remove(path)


def remove(path: Location) -> None:
    """Remove a directory or a file, if it exists."""
    if is_remote(path):
        with contextlib.suppress(FileNotFoundError):
            path.fs.rm(path.path, recursive=True)
    elif isinstance(path, Path) and path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

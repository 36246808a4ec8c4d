"""Leftovers: the hidden names under which something is being written, and what a dead process leaves behind of them."""

import contextlib
import os
import shutil
import socket
import uuid
from pathlib import Path, PurePath

from anomaly_ae.storage.locations import AnyLocation, Location, is_remote

STAGING = ".staging-"


def hidden_beside(target: AnyLocation) -> AnyLocation:
    """Return a name beside `target` that no reader looks at, which says who owns it."""
    owner = f"{socket.gethostname()}-{os.getpid()}"
    return target.parent / f"{STAGING}{target.name}-{owner}-{uuid.uuid4().hex[:8]}"


def owner_is_gone(staging: Location | PurePath) -> bool:
    """Say whether a staging directory or file was made on this host by a process that has ended."""
    owner, _, _ = staging.name.rpartition("-")
    host, _, pid = owner.rpartition("-")
    return host.endswith(f"-{socket.gethostname()}") and pid.isdecimal() and not _is_alive(int(pid))


def clear_stale(target: Location) -> None:
    """Remove what processes of this host that are gone had begun to write to the same target."""
    for path in target.parent.glob(f"{STAGING}{target.name}-*"):
        if owner_is_gone(path):
            remove(path)


def remove(path: Location) -> None:
    """Remove a directory or a file, if it is there."""
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

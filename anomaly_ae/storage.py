"""Directories that are there whole or not at all, and the hashes that say what is in them.

A step writes into a hidden staging directory; `commit` writes the manifest last and makes the directory appear by one
atomic rename. A reader trusts a directory only when its manifest is there. Names are made from what the directory
was computed from (`fingerprint`), so a repeated run finds its own result, and two runs at once write the same thing.
"""

import hashlib
import json
import os
import shutil
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anomaly_ae.errors import ArtifactError
from anomaly_ae.unwritable import explain_unwritable

MANIFEST = "manifest.json"
STAGING = ".staging-"


def canonical_json(value: Any) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def fingerprint(value: Any, length: int = 16) -> str:
    """Return the first `length` hex digits of the SHA-256 of `value` as canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: Path) -> Any:
    """Read a JSON file that this package wrote.

    Raises:
        ArtifactError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        msg = f"{path} does not exist"
        raise ArtifactError(msg) from error
    except ValueError as error:
        msg = f"{path} is not readable JSON: {error}"
        raise ArtifactError(msg) from error


def write_text(path: Path, text: str) -> None:
    """Write text as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8", "replace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file of which a reader sees the old content or the new one, never a part.

    Raises:
        StorageError: the disk is full, or the place is read-only or not ours to write to.
    """
    temporary = _hidden(path)
    with explain_unwritable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _clear_stale(path)
            temporary.write_bytes(content)
            _sync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON for people, indented, as `write_text` does."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@dataclass(frozen=True)
class Staging:
    """A directory being written; `facts` become the manifest.

    Attributes:
        path: where to write.
        target: where it will appear.
        facts: what the manifest says besides the list of files.
        replaceable: files that a later step may replace; the manifest does not list them.
    """

    path: Path
    target: Path
    facts: dict[str, Any] = field(default_factory=dict)
    replaceable: set[str] = field(default_factory=set)


def open_staging(target: Path) -> Staging:
    """Make an empty staging directory beside `target`, and clear those that dead processes of this host left.

    Raises:
        StorageError: the disk is full, or the place is read-only or not ours to write to.
    """
    path = _hidden(target)
    with explain_unwritable(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_stale(target)
        path.mkdir()
    return Staging(path, target)


def commit(staging: Staging) -> Path:
    """Write the manifest last, then let the directory appear under its name by one rename.

    A directory already there came from the same inputs (its name is their fingerprint) and is kept; ours goes.

    Returns:
        The published directory.

    Raises:
        ArtifactError: something else has that name.
        StorageError: the disk is full, or the place is read-only or not ours to write to.
    """
    with explain_unwritable(staging.target):
        _write_manifest(staging)
        _appear(staging)
    return staging.target


@contextmanager
def publish(target: Path) -> Iterator[Staging]:
    """Open a staging directory; commit it when the block ends well, remove it when it does not.

    Raises:
        StorageError: the disk is full, or the place is read-only or not ours to write to.
    """
    with removed_on_failure(open_staging(target)) as staging, explain_unwritable(target):
        yield staging
        commit(staging)


@contextmanager
def removed_on_failure(staging: Staging) -> Iterator[Staging]:
    """Remove a staging directory when the block fails."""
    try:
        yield staging
    except BaseException:
        shutil.rmtree(staging.path, ignore_errors=True)
        raise


def withdraw(directory: Path) -> None:
    """Remove a published directory: a reader sees it whole or not at all."""
    hidden = _hidden(directory)
    directory.rename(hidden)
    shutil.rmtree(hidden)


def is_published(directory: Path) -> bool:
    """Say whether a directory is complete: its manifest, written last, is there."""
    return (directory / MANIFEST).is_file()


def read_manifest(directory: Path, kind: str) -> dict[str, Any]:
    """Read the manifest of a published directory of the given kind ("dataset", "model", "scored").

    Raises:
        ArtifactError: the directory is not there, was never completed, or is of another kind.
    """
    if not is_published(directory):
        state = "has no manifest.json: it was never completed" if directory.is_dir() else "does not exist"
        msg = f"{directory} {state}; run the step that writes it"
        raise ArtifactError(msg)
    manifest: dict[str, Any] = read_json(directory / MANIFEST)
    if not {"kind", "files"} <= manifest.keys():
        msg = f"{directory / MANIFEST} is not as it was written: kind or files is not in it"
        raise ArtifactError(msg)
    if manifest["kind"] != kind:
        msg = f"{directory} holds a {manifest['kind']!r}, not a {kind!r}"
        raise ArtifactError(msg)
    return manifest


def verify_files(directory: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Compare files with the hashes their manifest recorded.

    Raises:
        ArtifactError: a file is missing or a byte of it has changed.
    """
    for name, recorded in files.items():
        path = directory / name
        if not path.is_file():
            msg = f"{path} is missing, though the manifest lists it"
            raise ArtifactError(msg)
        if hash_file(path) != recorded.get("sha256"):
            msg = f"{path} has changed since it was written (SHA-256 differs from its manifest)"
            raise ArtifactError(msg)


def owner_is_gone(staging: Path) -> bool:
    """Say whether a staging directory or file was made on this host by a process that has ended."""
    owner, _, _ = staging.name.rpartition("-")
    host, _, pid = owner.rpartition("-")
    return host.endswith(f"-{socket.gethostname()}") and pid.isdecimal() and not _is_alive(int(pid))


def _hidden(target: Path) -> Path:
    """Return a name beside `target` that no reader looks at, which says who owns it."""
    owner = f"{socket.gethostname()}-{os.getpid()}"
    return target.parent / f"{STAGING}{target.name}-{owner}-{uuid.uuid4().hex[:8]}"


def _write_manifest(staging: Staging) -> None:
    """Write the manifest last, and put everything on disk."""
    names = sorted(path for path in staging.path.rglob("*") if path.is_file())
    files = {
        path.relative_to(staging.path).as_posix(): {"bytes": path.stat().st_size, "sha256": hash_file(path)}
        for path in names
        if path.name not in staging.replaceable
    }
    write_json(staging.path / MANIFEST, {**staging.facts, "files": files})
    folders = [path for path in staging.path.rglob("*") if path.is_dir()]
    for path in (*names, *folders, staging.path):
        _sync(path)


def _appear(staging: Staging) -> None:
    """Rename the staging directory; where the target was published meanwhile, remove it."""
    try:
        staging.path.rename(staging.target)
    except OSError as error:
        if not staging.target.exists():
            raise
        if not is_published(staging.target):
            msg = f"{staging.target} is there, but is not what a step published; remove it or name another directory"
            raise ArtifactError(msg) from error
        shutil.rmtree(staging.path)
    _sync(staging.target.parent)


def _clear_stale(target: Path) -> None:
    """Remove what processes of this host that are gone had begun to write to the same target."""
    for path in target.parent.glob(f"{STAGING}{target.name}-*"):
        if not owner_is_gone(path):
            continue
        if path.is_dir():
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


def _sync(path: Path) -> None:
    """Put a file or directory on disk, so that a rename never outlives what it names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

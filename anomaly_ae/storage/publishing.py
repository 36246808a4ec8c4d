"""Atomic publishing: a directory is either complete or absent.

A stage writes into a hidden staging directory; `commit` writes the manifest last and publishes the directory by one
atomic rename. On an object store, the manifest itself is the commit. Readers trust only directories with a manifest.
Names are derived from the inputs (`fingerprint`), so a repeated run finds its own result, and concurrent runs write the
same content.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from anomaly_ae.errors import ArtifactError
from anomaly_ae.storage import objects
from anomaly_ae.storage.files import FileState, file_state, hash_file, read_each, read_json, sync, write_json
from anomaly_ae.storage.leftovers import clear_stale, hidden_beside, remove
from anomaly_ae.storage.locations import Location, files_below, is_remote, reach
from anomaly_ae.storage.unwritable import explain_unwritable

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Staging:
    """A directory being written; `facts` become the manifest.

    Attributes:
        path: directory to write to.
        target: directory it will be published as.
        facts: contents of the manifest besides the list of files.
        replaceable: files that a later stage may replace; the manifest does not list them.
    """

    path: Location
    target: Location
    facts: dict[str, Any] = field(default_factory=dict)
    replaceable: set[str] = field(default_factory=set)


def open_staging(target: Location) -> Staging:
    """Make an empty staging directory beside `target`, and remove those that dead processes of this host left.

    Raises:
        StorageError: the disk is full or read-only, permission is denied, or the location cannot be reached.
    """
    path = hidden_beside(target)
    reach(target.parent)
    with explain_unwritable(target):
        make_directory(target.parent)
        clear_stale(target)
        make_directory(path)
    return Staging(path, target)


def make_directory(path: Location) -> None:
    """Make a directory and its parents; does nothing on an object store, which has no directories."""
    if not is_remote(path):
        path.mkdir(parents=True, exist_ok=True)


def commit(staging: Staging) -> Location:
    """Write the manifest last, then publish the directory under its name.

    An existing directory came from the same inputs (its name is their fingerprint), so it is kept and ours is removed.

    Returns:
        The published directory.

    Raises:
        ArtifactError: something else has that name.
        StorageError: the disk is full or read-only, or permission is denied.
    """
    path: Location = staging.path
    target: Location = staging.target
    with explain_unwritable(target):
        if is_remote(path) and is_remote(target):
            if not is_published(target):
                objects.appear(path, target, MANIFEST, _manifest(staging))
            remove(path)
        else:
            _write_manifest(staging)
            _appear(staging)
    return staging.target


@contextmanager
def publish(target: Location) -> Iterator[Staging]:
    """Open a staging directory; commit it if the block succeeds, remove it if it fails.

    Raises:
        StorageError: the disk is full or read-only, or permission is denied.
    """
    with removed_on_failure(open_staging(target)) as staging, explain_unwritable(target):
        yield staging
        commit(staging)


@contextmanager
def removed_on_failure(staging: Staging) -> Iterator[Staging]:
    """Remove a staging directory if the block fails."""
    try:
        yield staging
    except BaseException:
        remove(staging.path)
        raise


def withdraw(directory: Location) -> None:
    """Remove a published directory atomically: readers see it complete or not at all."""
    if is_remote(directory):
        objects.withdraw(directory, MANIFEST)
        return
    hidden = hidden_beside(directory)
    directory.rename(hidden)
    remove(hidden)


def is_published(directory: Location) -> bool:
    """Return whether a directory is complete, that is, has a manifest."""
    return (directory / MANIFEST).is_file()


def read_manifest(directory: Location, kind: str) -> dict[str, Any]:
    """Read the manifest of a published directory of the given kind ("dataset", "model", "scored").

    Raises:
        ArtifactError: the directory does not exist, was never completed, or is of another kind.
    """
    if not is_published(directory):
        state = "has no manifest.json: it was never completed" if directory.is_dir() else "does not exist"
        msg = f"{directory} {state}; run the stage that writes it"
        raise ArtifactError(msg)
    manifest: dict[str, Any] = read_json(directory / MANIFEST)
    if not {"kind", "files"} <= manifest.keys():
        msg = f"{directory / MANIFEST} has been altered: kind or files is missing"
        raise ArtifactError(msg)
    if manifest["kind"] != kind:
        msg = f"{directory} holds a {manifest['kind']!r}, not a {kind!r}"
        raise ArtifactError(msg)
    return manifest


def verify_files(directory: Location, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Compare files with the hashes in their manifest; a file that does not change is hashed once per process.

    Raises:
        ArtifactError: a file is missing or has changed.
    """
    hashes = read_each(_hash_if_exists, [directory / name for name in files])
    for (name, recorded), found in zip(files.items(), hashes, strict=True):
        if found is None:
            msg = f"{directory / name} is missing, although the manifest lists it"
            raise ArtifactError(msg)
        if found != recorded.get("sha256"):
            msg = f"{directory / name} has changed since it was written (SHA-256 differs from its manifest)"
            raise ArtifactError(msg)


def _manifest(staging: Staging) -> dict[str, Any]:
    """Return the manifest: the facts, and size and hash of every file that may not be replaced."""
    paths = [path for path in files_below(staging.path) if path.name not in staging.replaceable]
    names = [path.relative_to(staging.path).as_posix() for path in paths]
    return {**staging.facts, "files": dict(zip(names, read_each(_size_and_hash, paths), strict=True))}


def _write_manifest(staging: Staging) -> None:
    """Write the manifest last and flush everything to disk."""
    names = files_below(staging.path)
    write_json(staging.path / MANIFEST, _manifest(staging))
    folders = [path for path in staging.path.rglob("*") if path.is_dir()]
    for path in (*names, *folders, staging.path):
        sync(path)


def _appear(staging: Staging) -> None:
    """Rename the staging directory; if the target was published meanwhile, remove it instead."""
    try:
        staging.path.rename(staging.target)
    except OSError as error:
        if not staging.target.exists():
            raise
        if not is_published(staging.target):
            msg = f"{staging.target} exists but was not published by a stage; remove it or choose another directory"
            raise ArtifactError(msg) from error
        remove(staging.path)
    sync(staging.target.parent)


def _size_and_hash(path: Location) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": hash_file(path)}


def _hash_if_exists(path: Location) -> str | None:
    try:
        return _hash_of_state(path, file_state(path))
    except (FileNotFoundError, IsADirectoryError):
        return None


@lru_cache(maxsize=4096)
def _hash_of_state(path: Location, _: FileState) -> str:
    """Hash a file; the hash is cached by the file's state."""
    return hash_file(path)

"""Directories on an object store: prefixes that no one can rename, which appear with the object written last."""

import contextlib
from pathlib import Path
from typing import Any

from anomaly_ae.errors import ArtifactError
from anomaly_ae.storage.files import create_json
from anomaly_ae.storage.leftovers import remove
from anomaly_ae.storage.locations import files_below


def appear(staged: Path, target: Path, manifest_name: str, manifest: Any) -> None:
    """Copy staged objects to their names, within the store, then create the manifest, which is the commit.

    Of two writers at once the first manifest stays; the objects are the same, as the name is their fingerprint. What
    a writer that died here left is written over.

    Raises:
        ArtifactError: there are objects that the staged ones would not replace: they are no step's.
    """
    names = [path.relative_to(staged).as_posix() for path in files_below(staged)]
    strangers = {path.relative_to(target).as_posix() for path in files_below(target)} - {*names, manifest_name}
    if strangers:
        msg = f"{target} is there, but is not what a step published; remove it or name another directory"
        raise ArtifactError(msg)
    store: Any = target
    if names:
        store.fs.copy([f"{_key(staged)}/{name}" for name in names], [f"{_key(target)}/{name}" for name in names])
    with contextlib.suppress(FileExistsError):
        create_json(target / manifest_name, manifest)


def withdraw(directory: Path, manifest_name: str) -> None:
    """Remove the manifest, with which the directory is gone for every reader, then the other objects."""
    (directory / manifest_name).unlink(missing_ok=True)
    remove(directory)


def _key(location: Any) -> str:
    return str(location.path)

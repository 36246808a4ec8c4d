"""Pictures in a folder, or those of them that a glob names."""

import errno
import hashlib
import os
from collections.abc import Iterator

from anomaly_ae.ingest.pictures.layout import match_masks, place_of
from anomaly_ae.ingest.pictures.raw import RawPicture, Refusal, largest_file
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage import fingerprint, hash_file, is_remote
from anomaly_ae.storage.locations import Location


def read_folder(file: SourceFile, data: DataSpec) -> Iterator[RawPicture]:
    """Yield the pictures of a folder in the order of their names, each with its masks."""
    masks = match_masks(file.members)
    orphans = set(masks.pop("", ()))
    owned = {mask for several in masks.values() for mask in several}
    limit = largest_file(data)
    for name in file.members:
        if name in orphans:
            yield RawPicture(name, name, 1, Refusal("mask_without_picture", "is a mask, and its picture is not there"))
        elif name not in owned:
            marks = (_read(file.path, mask, limit) for mask in masks.get(name, ()))
            encoded = _read(file.path, name, limit)
            yield RawPicture(name, name, 1, encoded, place_of(name), tuple(marks))


def hash_folder(file: SourceFile) -> tuple[int, str]:
    """Return the total bytes of the named files in a folder, and the hash of their names and contents."""
    size, digest = 0, hashlib.sha256()
    for name in file.members:
        path = file.path / name
        refused = _refusal(file.path, path)
        content = refused.code if refused else _hash(path)
        size += 0 if refused else path.stat().st_size
        digest.update(f"{fingerprint([name, content], 64)}\n".encode())
    return size, digest.hexdigest()


def _hash(path: Location) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        return _unreadable(error).code


def _read(root: Location, name: str, limit: int) -> bytes | Refusal:
    path = root / name
    refused = _refusal(root, path)
    if refused:
        return refused
    try:
        size = path.stat().st_size
        if size > limit:
            return Refusal("too_many_bytes", f"has {size} bytes, more than data.max_pixels can need")
        return path.read_bytes()
    except OSError as error:
        return _unreadable(error)


def _refusal(root: Location, path: Location) -> Refusal | None:
    """Return why a path is not followed: a link may lead out of the folder, or nowhere."""
    if is_remote(path):  # it has no links, and a missing object fails when it is read
        return None
    if not path.resolve().is_relative_to(root.resolve()):
        return Refusal("link_leaves_source", f"is a link to {path.resolve()}, outside the source")
    if not path.is_file():
        return Refusal("not_a_file", "is a broken link, or no file")
    return None


def _unreadable(error: OSError) -> Refusal:
    return Refusal("unreadable", f"cannot be read: {os.strerror(error.errno or errno.EIO)}")

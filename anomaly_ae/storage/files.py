"""Files: JSON and bytes written atomically, so that readers see either old or new content, and content hashes."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from anomaly_ae.errors import ArtifactError, StorageError
from anomaly_ae.storage.leftovers import clear_stale, hidden_beside
from anomaly_ae.storage.locations import AnyLocation, Location, is_remote
from anomaly_ae.storage.unwritable import explain_unwritable

BLOCK_BYTES = 8 << 20
"""Bytes per request to an object store: large enough to hide latency, small enough for memory."""

_REQUESTS = 8
"""Concurrent requests to an object store, which has high latency and high throughput."""

FileState = tuple[int | str, ...]
"""As long as it is the same, the content of a file is taken to be the same."""

_Read = TypeVar("_Read")


def canonical_json(value: Any) -> str:
    """Return the canonical JSON text of `value`: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def fingerprint(value: Any, length: int = 16) -> str:
    """Return the first `length` hex digits of the SHA-256 of `value` as canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


def open_bytes(path: Location) -> IO[bytes]:
    """Open a file for reading; from an object store, it is fetched block by block, never as a whole."""
    return path.open("rb", block_size=BLOCK_BYTES) if is_remote(path) else path.open("rb")


def hash_file(path: Location) -> str:
    """Return the SHA-256 of a file's bytes, in hex.

    Raises:
        StorageError: access to an object is denied.
    """
    with _explain_unreadable(path), open_bytes(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type] # any stream has readinto


def file_state(path: Location) -> FileState:
    """Return what changes whenever a file does: its size, its time of change or, on an object store, its entity tag.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if is_remote(path):  # the time is to the second; the store's own mark of the content is not
        return path.stat().st_size, str(path.fs.ukey(path.path))
    found: Any = path.stat()  # the two kinds of location annotate it differently
    return found.st_size, found.st_mtime_ns, found.st_ino


def read_json(path: Location) -> Any:
    """Read a JSON file that this package wrote.

    Raises:
        ArtifactError: the file is missing or is not JSON.
        StorageError: access to an object is denied.
    """
    try:
        with _explain_unreadable(path), open_bytes(path) as stream:
            return json.loads(stream.read().decode())
    except FileNotFoundError as error:
        msg = f"{path} does not exist"
        raise ArtifactError(msg) from error
    except ValueError as error:
        msg = f"{path} is not readable JSON: {error}"
        raise ArtifactError(msg) from error


def read_each(read: Callable[[AnyLocation], _Read], paths: Sequence[AnyLocation]) -> list[_Read]:
    """Apply a reading function to every file, concurrently if the files are remote."""
    if not paths or not is_remote(paths[0]):
        return [read(path) for path in paths]
    with ThreadPoolExecutor(_REQUESTS) as pool:
        return list(pool.map(read, paths))


def write_text(path: Location, text: str) -> None:
    """Write text atomically, as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8", "replace"))


def write_bytes(path: Location, content: bytes) -> None:
    """Write a file atomically: readers see either the old or the new content.

    Raises:
        StorageError: the disk is full or read-only, or permission is denied.
    """
    with explain_unwritable(path):
        if isinstance(path, Path):
            with _written(path, content) as temporary:
                temporary.replace(path)
        else:
            path.write_bytes(content)


def copy_file(source: Location, target: Location) -> None:
    """Copy a file in chunks, local or remote."""
    with open_bytes(source) as read, target.open("wb") as written:
        shutil.copyfileobj(read, written, BLOCK_BYTES)


def write_json(path: Location, value: Any) -> None:
    """Write indented JSON atomically, as `write_text` does."""
    write_text(path, _legible(value))


def create_json(path: Location, value: Any) -> None:
    """Write JSON to a file that must not exist yet; of several concurrent writers, on any host, exactly one succeeds.

    Raises:
        FileExistsError: the file exists already.
        StorageError: as in `write_bytes`.
    """
    content = _legible(value).encode()
    with explain_unwritable(path):
        if isinstance(path, Path):
            with _written(path, content) as temporary:
                path.hardlink_to(temporary)
        elif is_remote(path):
            path.fs.pipe_file(path.path, content, mode="create")


def sync(path: Location) -> None:
    """Flush a local file or directory to disk, so that a rename is never durable before the content it names."""
    if not isinstance(path, Path):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _written(path: Path, content: bytes) -> Iterator[Path]:
    """Write a temporary file beside its target; it is removed at the end unless it was renamed."""
    temporary = hidden_beside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        clear_stale(path)
        temporary.write_bytes(content)
        sync(temporary)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _explain_unreadable(path: Location) -> Iterator[None]:
    """Turn an object store's denial, which names neither location nor remedy, into an error that does."""
    try:
        yield
    except PermissionError as error:
        if not is_remote(path):
            raise
        msg = f"{path} cannot be read: access is denied ({error}); grant the credentials in use read access"
        raise StorageError(msg) from error


def _legible(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

"""Locations: paths of this machine, or of an object store such as `s3://bucket/folder`.

On this machine a location is a `Path`, elsewhere a `UPath` of universal_pathlib; `locate` makes either from text.
`Location` is what the two have in common; `is_remote` tells them apart where they differ. Credentials and endpoints
come from the storage's own chain: environment variables, profiles, the role of the machine.

Annotate `Location` wherever a file may be remote, and `Path` only for what is always on this machine.
"""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, Self, TypeVar

from anomaly_ae.errors import StorageError

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    # At run time only where something is remote: the import takes as long as the rest of a short command.
    from upath import UPath

_EXTRAS = {protocol: f'{protocol}:// needs `pip install "anomaly_ae[s3]"`' for protocol in ("s3", "s3a")}


class FileStatus(Protocol):
    """What is known of a file without reading it."""

    @property
    def st_size(self) -> int:
        """Bytes."""

    @property
    def st_mtime(self) -> float:
        """Time of the last change, in seconds since 1970."""

    @property
    def st_mtime_ns(self) -> int:
        """The same in nanoseconds."""


class Location(Protocol):
    """The part of `Path` that `UPath` shares and this package uses; every member means what pathlib says.

    Functions of `os` and `shutil` do not take a `Location`: they need a `Path`, to which `isinstance` narrows.
    """

    @property
    def name(self) -> str:
        """The last component."""

    @property
    def stem(self) -> str:
        """The name without its last suffix."""

    @property
    def suffix(self) -> str:
        """The last suffix of the name, with its dot."""

    @property
    def parts(self) -> Sequence[str]:
        """The components."""

    @property
    def parent(self) -> Self:
        """The directory of this location."""

    @property
    def parents(self) -> Sequence[Self]:
        """All directories above, nearest first."""

    def __truediv__(self, name: str, /) -> Self: ...

    def __lt__(self, other: Any, /) -> bool: ...

    def __hash__(self) -> int: ...

    def absolute(self) -> Self:
        """Prepend the working directory to a relative path."""

    def as_posix(self) -> str:
        """Return the text, with forward slashes."""

    def as_uri(self) -> str:
        """Return the text as a URI, such as `file:///...`."""

    def expanduser(self) -> Self:
        """Replace `~` by the home directory."""

    def exists(self) -> bool:
        """Say whether there is a file or a directory."""

    def glob(self, pattern: str) -> Iterator[Self]:
        """Yield what matches the pattern below this directory."""

    def is_dir(self) -> bool:
        """Say whether this is a directory."""

    def is_file(self) -> bool:
        """Say whether this is a file."""

    def is_relative_to(self, other: Self, /) -> bool:
        """Say whether this is `other` or below it."""

    def is_symlink(self) -> bool:
        """Say whether this is a symbolic link; an object store has none."""

    def lstat(self) -> FileStatus:
        """Return size and time of this file or, if it is a link, of the link."""

    def mkdir(self, *, parents: bool = ..., exist_ok: bool = ...) -> None:
        """Make this directory."""

    def open(self, mode: Literal["rb", "wb"]) -> BinaryIO:
        """Open this file to read or write bytes."""

    def read_bytes(self) -> bytes:
        """Return the content of this file."""

    def read_text(self, encoding: str) -> str:
        """Return the content of this file as text."""

    def relative_to(self, other: Self, /) -> Self:
        """Return the rest of the path below `other`."""

    def rename(self, target: Self) -> Self:
        """Move to another name of the same file system."""

    def resolve(self) -> Self:
        """Return the absolute path without links and dots."""

    def rglob(self, pattern: str) -> Iterator[Self]:
        """Yield what matches the pattern at any depth below this directory."""

    def stat(self) -> FileStatus:
        """Return size and time of this file."""

    def unlink(self, missing_ok: bool = ...) -> None:
        """Remove this file."""

    def with_name(self, name: str) -> Self:
        """Return the location beside this one that has this name."""

    def with_suffix(self, suffix: str) -> Self:
        """Return this location with another suffix."""

    def write_bytes(self, data: bytes) -> int:
        """Write a file of these bytes."""

    def write_text(self, data: str, encoding: str) -> int:
        """Write a file of this text."""


AnyLocation = TypeVar("AnyLocation", bound=Location)
"""Of functions that return the type of location they are given."""


def locate(text: str | Location) -> Location:
    """Return the location that a text names: `protocol://...` is remote, anything else is on this machine.

    Raises:
        StorageError: nothing installed knows the protocol, or the text holds a password.
    """
    if not isinstance(text, str):
        return text
    if "://" not in text:
        return Path(text)
    _refuse_password(text)
    from upath import UPath  # noqa: PLC0415 - see above

    try:
        # Listings are never cached: other machines write there too.
        location = UPath(text.rstrip("/"), use_listings_cache=False)
        location.fs  # noqa: B018 - loads the library of the protocol
    except (ImportError, ValueError) as error:
        needed = _EXTRAS.get(text.partition("://")[0], str(error))
        msg = f"{text} cannot be reached, as nothing that is installed knows how: {needed}"
        raise StorageError(msg) from error
    return Path(location.path) if location.protocol in {"file", "local"} else location


def is_remote(location: Location) -> "TypeIs[UPath]":
    """Say whether a location is elsewhere than on this machine."""
    return not isinstance(location, Path)


def reach(location: Location) -> None:
    """Make sure that a remote location answers and can be listed, before anything is looked for there.

    Raises:
        StorageError: there is no such bucket, access is denied, no credentials are found, or nothing answers.
    """
    if not is_remote(location):
        return
    try:
        location.fs.ls(location.path, detail=False)
    except FileNotFoundError as error:
        if _is_bucket_missing(error):
            msg = f"{location}: there is no such bucket; create it, or correct the name"
            raise StorageError(msg) from error
    except PermissionError as error:
        msg = f"{location}: access is denied ({error}); let the credentials in use list, read and write there"
        raise StorageError(msg) from error
    except Exception as error:  # every storage has errors of its own kind
        msg = f"{location} cannot be reached: {error}"
        raise StorageError(msg) from error


def files_below(directory: AnyLocation) -> list[AnyLocation]:
    """List all files below a directory, sorted; none where there is no such directory."""
    if not is_remote(directory):
        return sorted(path for path in directory.rglob("*") if path.is_file())
    # One listing of all: `rglob` would ask of every object anew whether it is a file.
    found = directory.fs.find(directory.path, detail=True).items()
    names = [name[len(directory.path) :].lstrip("/") for name, facts in found if facts["type"] == "file"]
    return sorted(directory / name for name in names)


def expand(pattern: str) -> list[Location]:
    """List what a glob names, without hidden files; on an object store only files are named.

    Without a wildcard it names nothing.
    """
    if not glob.has_magic(pattern):
        return []
    location = locate(pattern)
    if not is_remote(location):
        return [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207 (Path.glob is relative)
    found = location.fs.glob(location.path, detail=True).items()
    return [location.with_segments(name) for name, facts in found if facts["type"] == "file" and "/." not in name]


def _refuse_password(text: str) -> None:
    owner, at, _ = text.partition("://")[2].partition("/")[0].rpartition("@")
    if at and ":" in owner:
        place = text.replace(f"{owner}@", "", 1)
        msg = f"{place}: a password does not belong into a path; the storage's own variables or profiles hold it"
        raise StorageError(msg)


def _is_bucket_missing(error: FileNotFoundError) -> bool:
    """Tell a missing bucket from an empty folder; only s3fs raises the same error for both."""
    response = getattr(error.__cause__, "response", None) or {}
    return bool(response.get("Error", {}).get("Code") == "NoSuchBucket")

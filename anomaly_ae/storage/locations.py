"""Locations: paths of this machine, or of an object store such as `s3://bucket/folder`; made from text here only.

Elsewhere than on this machine a location is a `UPath` of universal_pathlib. It has the methods of `Path`, and is
annotated as one all over this package; the few things that the two do differently are told apart here and in the
modules beside this one, by `is_remote`. Credentials and endpoints come from the storage's own chain: environment
variables, profiles, the role of the machine.
"""

import glob
from pathlib import Path
from typing import Any, cast

from anomaly_ae.errors import StorageError

_EXTRAS = {protocol: f'{protocol}:// needs `pip install "anomaly_ae[s3]"`' for protocol in ("s3", "s3a")}


def locate(text: str | Path) -> Path:
    """Return the location that a text names: `protocol://...` elsewhere, anything else on this machine.

    Raises:
        StorageError: nothing installed knows the protocol, or the text holds a password.
    """
    if not isinstance(text, str) or "://" not in text:
        return Path(text) if isinstance(text, str) else text
    _refuse_password(text)
    # Loaded only where something is elsewhere: it takes as long as the rest of a short command.
    from upath import UPath  # noqa: PLC0415

    try:
        # Listings are never cached: other machines write there too.
        location: Any = UPath(text.rstrip("/"), use_listings_cache=False)
        location.fs  # noqa: B018 - loads the library of the protocol
    except (ImportError, ValueError) as error:
        needed = _EXTRAS.get(text.partition("://")[0], str(error))
        msg = f"{text} cannot be reached, as nothing that is installed knows how: {needed}"
        raise StorageError(msg) from error
    return Path(location.path) if location.protocol in {"file", "local"} else cast(Path, location)


def is_remote(location: Path) -> bool:
    """Say whether a location is elsewhere than on this machine."""
    return not isinstance(location, Path)


def reach(location: Path) -> None:
    """See to it that a remote place answers and may be listed, before anything is looked for there.

    Raises:
        StorageError: there is no such bucket, access is denied, no credentials are found, or nothing answers.
    """
    if not is_remote(location):
        return
    place: Any = location
    try:
        place.fs.ls(place.path, detail=False)
    except FileNotFoundError as error:
        if _is_bucket_missing(error):
            msg = f"{location}: there is no such bucket; create it, or mend the name"
            raise StorageError(msg) from error
    except PermissionError as error:
        msg = f"{location}: access is denied ({error}); let the credentials in use list, read and write there"
        raise StorageError(msg) from error
    except Exception as error:  # every storage has errors of its own kind
        msg = f"{location} cannot be reached: {error}"
        raise StorageError(msg) from error


def files_below(directory: Path) -> list[Path]:
    """List all files below a directory, sorted; none where there is no such directory."""
    if not is_remote(directory):
        return sorted(path for path in directory.rglob("*") if path.is_file())
    place: Any = directory
    # One listing of all: `rglob` would ask of every object anew whether it is a file.
    found = place.fs.find(place.path, detail=True).items()
    names = [name[len(place.path) :].lstrip("/") for name, facts in found if facts["type"] == "file"]
    return sorted(directory / name for name in names)


def expand(pattern: str) -> list[Path]:
    """List what a glob names, but for hidden files; elsewhere than on this machine only files are named.

    Without a wildcard it names nothing.
    """
    if not glob.has_magic(pattern):
        return []
    place: Any = locate(pattern)
    if not is_remote(place):
        return [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207 (Path.glob is relative)
    found = place.fs.glob(place.path, detail=True).items()
    return [place.with_segments(name) for name, facts in found if facts["type"] == "file" and "/." not in name]


def _refuse_password(text: str) -> None:
    owner, at, _ = text.partition("://")[2].partition("/")[0].rpartition("@")
    if at and ":" in owner:
        place = text.replace(f"{owner}@", "", 1)
        msg = f"{place}: a password does not belong into a path; the storage's own variables or profiles hold it"
        raise StorageError(msg)


def _is_bucket_missing(error: FileNotFoundError) -> bool:
    """Tell a bucket that is not there from a folder in which nothing is yet; only s3fs makes them the same error."""
    response = getattr(error.__cause__, "response", None) or {}
    return bool(response.get("Error", {}).get("Code") == "NoSuchBucket")

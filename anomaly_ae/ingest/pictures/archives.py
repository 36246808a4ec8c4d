"""Pictures in zip and tar files, read member by member without unpacking to disk."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.pictures.decode import SUFFIXES
from anomaly_ae.ingest.pictures.layout import is_mask, match_masks, place_of
from anomaly_ae.ingest.pictures.raw import RawPicture, Refusal, largest_file
from anomaly_ae.ingest.source_file import SourceFile, is_hidden
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage import open_bytes

_MASK_BYTES = 256 << 20
"""Limit for all masks of a tar file, which are read first, as they may come after their pictures."""

_MAX_RATIO = 100
_RATIO_BYTES = 64 << 20
"""A member that unpacks to more than this must not exceed the ratio: pictures compress little."""

_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, OSError, EOFError, NotImplementedError)


@dataclass(frozen=True)
class _Member:
    """A member whose name is that of a picture or a mask: its path in the archive, and why it is not read, if so."""

    name: str
    refused: Refusal | None
    read: Callable[[], bytes]


def read_zip(file: SourceFile, data: DataSpec) -> Iterator[RawPicture]:
    """Yield the pictures of a zip file in the order of the archive, each with its masks.

    Raises:
        SourceError: it is damaged, cut short, or encrypted.
    """
    try:
        with open_bytes(file.path) as packed, zipfile.ZipFile(packed) as archive:
            members = [_zip_member(archive, info, largest_file(data)) for info in _wanted_in_zip(archive, file)]
            yield from _pictures(file, members, {})
    except zipfile.BadZipFile as error:
        raise SourceError(_damaged(file, error)) from error


def read_tar(file: SourceFile, data: DataSpec) -> Iterator[RawPicture]:
    """Yield the pictures of a tar file, packed or not, in the order of the archive, each with its masks.

    Raises:
        SourceError: it is damaged or cut short, unpacks to far more than it should, or its masks are too large.
    """
    with _open_tar(file) as archive:
        members, masks = _list_tar(archive, file, largest_file(data))
        yield from _pictures(file, members, masks)


def names_in_zip(file: SourceFile) -> list[str]:
    """List the paths of the pictures and masks in a zip file.

    Raises:
        SourceError: it is damaged, cut short, or encrypted.
    """
    try:
        with open_bytes(file.path) as packed, zipfile.ZipFile(packed) as archive:
            return [info.filename for info in _wanted_in_zip(archive, file)]
    except zipfile.BadZipFile as error:
        raise SourceError(_damaged(file, error)) from error


def names_in_tar(file: SourceFile) -> list[str]:
    """List the paths of the pictures and masks in a tar file.

    Raises:
        SourceError: it is damaged or cut short, or unpacks to far more than it should.
    """
    with _open_tar(file) as archive:
        return [info.name for info in _wanted_in_tar(archive, file)]


def _wanted_in_zip(archive: zipfile.ZipFile, file: SourceFile) -> Iterator[zipfile.ZipInfo]:
    for info in archive.infolist():
        if not info.is_dir() and _is_wanted(info.filename):
            if info.flag_bits & 1:
                msg = f"{file.path} is encrypted; unpack it with its password and name the folder instead"
                raise SourceError(msg)
            yield info


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> _Member:
    refused = _unsafe(info.filename) or _too_large(info.file_size, limit)
    if stat.S_ISLNK(info.external_attr >> 16):
        refused = Refusal("link", "is a link; links in archives are not followed")
    if info.file_size > _RATIO_BYTES and info.file_size > _MAX_RATIO * info.compress_size:
        refused = Refusal("zip_bomb", f"unpacks from {info.compress_size} to {info.file_size} bytes")
    return _Member(info.filename, refused, lambda: archive.read(info))


@contextmanager
def _open_tar(file: SourceFile) -> Iterator[tarfile.TarFile]:
    """Open a tar file; any damage found while it is read is a SourceError."""
    try:
        with open_bytes(file.path) as packed, tarfile.open(fileobj=packed, mode="r:*") as archive:
            yield archive
    except SourceError:
        raise
    except _DAMAGE as error:
        raise SourceError(_damaged(file, error)) from error


def _wanted_in_tar(archive: tarfile.TarFile, file: SourceFile) -> Iterator[tarfile.TarInfo]:
    unpacked, packed = 0, file.path.stat().st_size
    for info in archive:
        unpacked += info.size
        if unpacked > _RATIO_BYTES and unpacked > _MAX_RATIO * packed:
            msg = f"{file.path} unpacks to more than {_MAX_RATIO} times its size; unpack it yourself if you trust it"
            raise SourceError(msg)
        if not info.isdir() and _is_wanted(info.name):
            yield info


def _list_tar(archive: tarfile.TarFile, file: SourceFile, limit: int) -> tuple[list[_Member], dict[str, bytes]]:
    """List the members that are pictures, and read the masks."""
    members: list[_Member] = []
    masks: dict[str, bytes] = {}
    for info in _wanted_in_tar(archive, file):
        members.append(_tar_member(archive, info, limit))
        if is_mask(info.name) and not members[-1].refused:
            masks[info.name] = members[-1].read()
            _refuse_masks(masks, file)
    return members, masks


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, limit: int) -> _Member:
    refused = _unsafe(info.name) or _too_large(info.size, limit)
    if not info.isreg():
        refused = Refusal("link", "is a link or a device; in archives only plain files are read")

    def read() -> bytes:
        stream = archive.extractfile(info)
        return stream.read() if stream else b""

    return _Member(info.name, refused, read)


def _refuse_masks(masks: dict[str, bytes], file: SourceFile) -> None:
    if sum(map(len, masks.values())) > _MASK_BYTES:
        msg = f"{file.path} holds more than {_MASK_BYTES >> 20} MiB of masks; unpack it and name the folder instead"
        raise SourceError(msg)


def _pictures(file: SourceFile, members: Sequence[_Member], read_masks: dict[str, bytes]) -> Iterator[RawPicture]:
    """Yield the members that are pictures, each with its masks, and what is refused."""
    by_name: dict[str, _Member] = {}
    for member in members:
        by_name.setdefault(member.name, member)
    masks = match_masks(by_name)
    orphans = set(masks.pop("", ()))
    owned = {mask for several in masks.values() for mask in several}
    for number, member in enumerate(members, start=1):
        name = member.name
        if name in owned and by_name[name] is member:
            continue
        encoded = _contents(member)
        if name in orphans:
            encoded = Refusal("mask_without_picture", "is a mask, and its picture is not there")
        if by_name[name] is not member:
            encoded = Refusal("duplicate_name", "is there twice under this name; the first is taken")
        marks = [read_masks.get(mask) or _contents(by_name[mask]) for mask in masks.get(name, ())]
        row_id = f"{file.name}:{name}"
        yield RawPicture(row_id, file.name, number, encoded, place_of(name), tuple(marks))


def _contents(member: _Member) -> bytes | Refusal:
    if member.refused:
        return member.refused
    try:
        return member.read()
    except _DAMAGE as error:
        return Refusal("damaged", f"cannot be unpacked: {error or type(error).__name__}")


def _is_wanted(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.suffix.lower() in SUFFIXES and not is_hidden(path)


def _unsafe(name: str) -> Refusal | None:
    """Refuse a path that would leave the archive's folder when unpacked: it is an attack."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return Refusal("unsafe_path", "has a path that leads out of the archive")
    return None


def _too_large(size: int, limit: int) -> Refusal | None:
    return Refusal("too_many_bytes", f"has {size} bytes, more than data.max_pixels can need") if size > limit else None


def _damaged(file: SourceFile, error: Exception) -> str:
    return f"{file.path} cannot be read as {file.format}: {error}; is it damaged or cut short?"

"""Pictures in NumPy's .npz files, read one by one, so that memory never holds a whole array."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

import numpy as np

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.labels import canonical
from anomaly_ae.ingest.pictures.raw import RawPicture
from anomaly_ae.ingest.pictures.stack import Stack, check_shape, stacked_pictures
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage import open_bytes

_PICTURE_KEYS = ("x", "X", "images", "image", "data", "arr_0")
_LABEL_KEYS = ("y", "Y", "labels", "label", "target")
_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, struct.error)


def read_npz(file: SourceFile, data: DataSpec) -> Iterator[RawPicture]:
    """Yield the pictures of an .npz file: the array x, X, images or data; an array y or labels gives the kinds.

    Raises:
        SourceError: it is damaged, or has no array of pictures.
    """
    try:
        with open_bytes(file.path) as packed, zipfile.ZipFile(packed) as archive:
            keys = [name.removesuffix(".npy") for name in archive.namelist()]
            key = _picture_key(keys, file)
            labels = _labels(archive, next((key for key in _LABEL_KEYS if key in keys), None), file)
            with archive.open(f"{key}.npy") as stream:
                stack = _measured(stream, _header(stream, file, data), file)
            with archive.open(f"{key}.npy") as stream:
                _header(stream, file, data)
                yield from stacked_pictures(stream, stack, file, labels)
    except SourceError:
        raise
    except _DAMAGE as error:
        msg = f"{file.path} cannot be read as npz: {error}; is it damaged or cut short?"
        raise SourceError(msg) from error


def _picture_key(keys: list[str], file: SourceFile) -> str:
    key = next((key for key in _PICTURE_KEYS if key in keys), None)
    if key is None:
        wanted = ", ".join(_PICTURE_KEYS)
        msg = f"{file.path} has the arrays {', '.join(keys)}; one called {wanted} must hold the pictures"
        raise SourceError(msg)
    return key


def _labels(archive: zipfile.ZipFile, key: str | None, file: SourceFile) -> list[str] | None:
    if key is None:
        return None
    with archive.open(f"{key}.npy") as stream:
        labels = np.lib.format.read_array(stream, allow_pickle=False)
    if labels.ndim != 1:
        msg = f"{file.path}: the labels {key!r} have the shape {labels.shape}; one number or word a picture is needed"
        raise SourceError(msg)
    return [canonical(label) for label in labels.tolist()]


def _header(stream: IO[bytes], file: SourceFile, data: DataSpec) -> Stack:
    is_first = np.lib.format.read_magic(stream) == (1, 0)
    read = np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(stream)
    check_shape(shape, file, data)
    if by_columns or dtype.kind not in "buif":
        order = ", stored by columns" if by_columns else ""
        msg = f"{file.path}: the pictures are {dtype}{order}; save them as a plain uint8 array"
        raise SourceError(msg)
    return Stack(shape, dtype)


def _measured(stream: IO[bytes], stack: Stack, file: SourceFile) -> Stack:
    """Decide how pixels become integers: by their type, else by the smallest and largest value."""
    kind = stack.dtype.newbyteorder("=")
    if kind == np.uint8:
        return stack
    if kind in {np.dtype(np.bool_), np.dtype(np.uint16)}:
        is_deep = kind == np.uint16
        return replace(stack, factor=1 if is_deep else 255, stored=np.uint16 if is_deep else np.uint8)
    low, high = _range(stream, stack)
    is_float = kind.kind == "f"
    if low < 0 or high > (0xFF if is_float else 0xFFFF):
        msg = f"{file.path}: pixels go from {low:g} to {high:g}; they must be from 0 to 255 (floats also from 0 to 1)"
        raise SourceError(msg)
    return replace(stack, factor=255 if is_float and high <= 1 else 1, stored=np.uint16 if high > 0xFF else np.uint8)


def _range(stream: IO[bytes], stack: Stack) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for pixels in stack.read(stream):
        finite = pixels[np.isfinite(pixels)].astype(np.float64)
        low, high = min(low, finite.min(initial=np.inf)), max(high, finite.max(initial=-np.inf))
    return float(low), float(high)

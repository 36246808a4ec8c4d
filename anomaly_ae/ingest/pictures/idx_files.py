"""Pictures in IDX files such as MNIST's, compressed or not, with the labels file beside them."""

import gzip
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

import numpy as np

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.pictures.raw import RawPicture
from anomaly_ae.ingest.pictures.stack import Stack, check_shape, stacked_pictures
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage import open_bytes
from anomaly_ae.storage.locations import Location

_NAME = re.compile(r"(\.idx|[.-]idx\d-ubyte|-ubyte)(\.gz)?$")
_ORIGINS = {"train": "train", "t10k": "test", "test": "test"}
_BYTE = 0x08
_DAMAGE = (zlib.error, OSError, EOFError, ValueError, struct.error)


def read_idx(file: SourceFile, data: DataSpec) -> Iterator[RawPicture]:
    """Yield the pictures of an IDX file; a labels file beside it gives the kinds.

    A name that begins with train, t10k or test gives the split.

    Raises:
        SourceError: it is damaged or cut short, or holds no pictures.
    """
    origin = next((origin for start, origin in _ORIGINS.items() if file.path.name.startswith(start)), None)
    beside = labels_beside(file.path)
    try:
        labels = _read_labels(beside) if beside else None
        with _open(file.path) as stream:
            stack = _header(stream)
            check_shape(stack.shape, file, data)
            yield from stacked_pictures(stream, stack, file, labels, origin)
    except SourceError:
        raise
    except _DAMAGE as error:
        msg = f"{file.path} cannot be read as IDX: {error}; is it, or the labels beside it, damaged or cut short?"
        raise SourceError(msg) from error


def read_idx_labels(file: SourceFile, data: DataSpec) -> Iterator[RawPicture]:  # noqa: ARG001 - the signature of every reader
    """Yield nothing: labels are read with their pictures; they are part of the source so that they are hashed."""
    yield from ()


def is_idx(path: Location) -> bool:
    """Say whether a file has the name of an IDX file of bytes."""
    return _NAME.search(path.name) is not None


def is_labels(path: Location) -> bool:
    """Say whether an IDX file has the name of a labels file."""
    return "labels" in path.name


def labels_beside(images: Location) -> Location | None:
    """Return the labels file of an IDX file of pictures, by MNIST's naming."""
    name = images.name.replace("images", "labels").replace("idx3", "idx1")
    beside = images.with_name(name)
    return beside if name != images.name and beside.is_file() else None


@contextmanager
def _open(path: Location) -> Iterator[IO[bytes]]:
    with open_bytes(path) as stored:
        if path.suffix != ".gz":
            yield stored
            return
        with gzip.open(stored) as stream:
            yield cast(IO[bytes], stream)


def _header(stream: IO[bytes]) -> Stack:
    """Read two zero bytes, the pixel type, the number of dimensions, then each dimension as 32 bits."""
    zeros, kind, dimensions = struct.unpack(">HBB", stream.read(4))
    if zeros or kind != _BYTE:
        msg = "it does not begin like an IDX file of bytes"
        raise ValueError(msg)
    return Stack(struct.unpack(f">{dimensions}I", stream.read(4 * dimensions)), np.dtype(np.uint8))


def _read_labels(path: Location) -> list[str]:
    with _open(path) as stream:
        shape = _header(stream).shape
        labels = np.frombuffer(stream.read(), np.uint8)
    if shape != labels.shape:
        msg = f"the labels in {path} are {labels.shape}, and should be {shape}"
        raise EOFError(msg)
    return [str(label) for label in labels.tolist()]

"""A stack of pictures of one size in a stream, as NumPy and IDX files hold them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.pictures.decode import encode_png
from anomaly_ae.ingest.pictures.layout import Place
from anomaly_ae.ingest.pictures.raw import RawPicture, Refusal
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.spec import DataSpec


@dataclass(frozen=True)
class Stack:
    """The shape of a stack, and how its pixels are stored.

    Attributes:
        shape: `(n, h, w)` or `(n, h, w, c)`.
        dtype: type of a pixel in the stream.
        factor: multiplier of every pixel; the same for the whole stack, so that pictures stay comparable.
        stored: uint8, or uint16 for grey pictures that need it.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    factor: int = 1
    stored: type[np.uint8 | np.uint16] = np.uint8

    def read(self, stream: IO[bytes]) -> Iterator[NDArray[Any]]:
        """Yield the pixels of each picture.

        Raises:
            EOFError: the stream ends before the last.
        """
        size = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        for number in range(1, self.shape[0] + 1):
            raw = stream.read(size)
            if len(raw) != size:
                msg = f"picture {number} of {self.shape[0]} is cut short"
                raise EOFError(msg)
            yield np.frombuffer(raw, self.dtype).reshape(self.shape[1:])


def check_shape(shape: tuple[int, ...], file: SourceFile, data: DataSpec) -> None:
    """Refuse an array that is not a stack of pictures.

    Raises:
        SourceError: its shape is wrong, or its pictures have too many pixels.
    """
    if len(shape) not in {3, 4} or (len(shape) == 4 and shape[3] not in {1, 3, 4}):
        msg = f"{file.path} has an array of shape {shape}; pictures are (n, h, w) or (n, h, w, 1, 3 or 4)"
        raise SourceError(msg)
    height, width = shape[1:3]
    if not 1 <= height * width <= data.max_pixels:
        msg = f"{file.path} has pictures of {width} x {height} pixels; data.max_pixels={data.max_pixels} are allowed"
        raise SourceError(msg)


def stacked_pictures(
    stream: IO[bytes], stack: Stack, file: SourceFile, labels: list[str] | None, origin: str | None = None
) -> Iterator[RawPicture]:
    """Yield the pictures of a stack as PNG files, with their labels as kinds.

    Raises:
        SourceError: the numbers of labels and pictures differ.
        EOFError: the stream ends before the last picture.
    """
    if labels is not None and len(labels) != stack.shape[0]:
        msg = f"{file.path} has {stack.shape[0]} pictures and {len(labels)} labels"
        raise SourceError(msg)
    for number, pixels in enumerate(stack.read(stream), start=1):
        place = Place(origin, labels[number - 1] if labels else None)
        yield RawPicture(f"{file.name}:{number}", file.name, number, _encoded(pixels, stack), place)


def _encoded(pixels: NDArray[Any], stack: Stack) -> bytes | Refusal:
    if not np.isfinite(pixels).all():
        return Refusal("not_finite", "has pixels that are NaN or infinite")
    whole = pixels if pixels.dtype == stack.stored else np.rint(pixels * stack.factor).astype(stack.stored)
    if whole.shape[2:] == (1,):
        whole = whole[..., 0]
    is_deep_colour = whole.ndim == 3 and whole.dtype == np.uint16  # PNG as Pillow writes it has 8 bits a colour
    return encode_png((whole >> 8).astype(np.uint8) if is_deep_colour else whole)

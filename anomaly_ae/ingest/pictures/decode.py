"""Encoded bytes to pixels: the only place where picture files are opened; they are not trusted."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
"""Formats that are decoded. Pillow knows many more, but every decoder adds attack surface."""

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})

_MAX_ENCODED_BYTES = 512 << 20
"""Limit for one picture file, which memory must hold."""

Pixels = NDArray[np.uint8]
"""Grey `(h, w)` or RGB `(h, w, 3)`, from 0 to 255."""

_GREY_16 = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_HEADS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+", b"BM")


@dataclass(frozen=True)
class Decoded:
    """A decoded picture, and the format of its file.

    Attributes:
        pixels: upright, grey or RGB.
        mode: of the file, in Pillow's words (1, L, P, RGB, RGBA, CMYK, I;16, ...).
        format: PNG, JPEG, TIFF, BMP or WEBP, whatever its name says.
    """

    pixels: Pixels
    mode: str
    format: str


class PictureError(ValueError):
    """Bytes that are not a usable picture.

    Attributes:
        code: the reject reason, a stable code.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def decode(encoded: bytes) -> Pixels:
    """Decode a picture that ingest accepted.

    Returns:
        uint8 `(h, w)` if it is grey, else `(h, w, 3)`; turned upright by its EXIF orientation, on white where it is
        transparent, 16 bits scaled to 8 by the full range; the first frame of several.

    Raises:
        PictureError: the bytes are not such a picture.
    """
    return inspect(encoded, None).pixels


def inspect(encoded: bytes, max_pixels: int | None) -> Decoded:
    """Decode a picture from an unknown source.

    Args:
        encoded: the bytes of its file.
        max_pixels: largest width times height that is decoded; None: Pillow's own limit.

    Raises:
        PictureError: `empty_file`, `not_a_picture`, `too_many_pixels`, `damaged` or `unsupported_depth`.
    """
    if not encoded:
        code = "empty_file"
        raise PictureError(code, "holds no bytes")
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as picture:
            _refuse_large(picture, max_pixels)
            mode, kind = picture.mode, str(picture.format)
            return Decoded(_pixels(picture), mode, "JPEG" if kind == "MPO" else kind)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        code = "damaged" if looks_like_picture(encoded) else "not_a_picture"
        raise PictureError(code, _what_it_is(encoded)) from error
    except Image.DecompressionBombError as error:
        code = "too_many_pixels"
        raise PictureError(code, str(error)) from error
    except Exception as error:  # decoders raise anything over damaged bytes: SyntaxError, struct.error, IndexError
        code = "damaged"
        raise PictureError(code, f"cannot be decoded: {error or type(error).__name__}") from error


def encode_png(pixels: NDArray[np.uint8 | np.uint16 | np.bool_]) -> bytes:
    """Encode pixels, `(h, w)` or `(h, w, 3 or 4)`, as PNG; the same pixels give the same bytes."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def looks_like_picture(encoded: bytes) -> bool:
    """Say whether bytes begin like a file of one of the formats."""
    return encoded.startswith(_HEADS) or (encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP")


def _refuse_large(picture: Image.Image, max_pixels: int | None) -> None:
    width, height = picture.size
    if max_pixels is not None and width * height > max_pixels:
        code = "too_many_pixels"
        raise PictureError(code, f"{width} x {height} pixels, more than data.max_pixels={max_pixels} allows")


def _pixels(picture: Image.Image) -> Pixels:
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in _GREY_16 or upright.mode == "I":
        return _eight_bits(np.asarray(upright))
    if upright.mode == "F":
        code = "unsupported_depth"
        raise PictureError(code, "has pixels of 32-bit floats, whose range is not known; save it with 8 or 16 bits")
    if upright.has_transparency_data:
        upright = _on_white(upright.convert("RGBA"))
    is_grey = upright.mode in {"1", "L"} or (picture.mode in {"1", "L", "LA", "La"})
    return np.asarray(upright.convert("L" if is_grey else "RGB"))


def _eight_bits(values: NDArray[np.integer]) -> Pixels:
    """Scale 16 bits to 8 by the full range, as 16-bit colour is."""
    if values.min() < 0 or values.max() > 0xFFFF:
        code = "unsupported_depth"
        raise PictureError(code, "has pixels of more than 16 bits; save it with 8 or 16")
    return (values >> 8).astype(np.uint8)


def _on_white(picture: Image.Image) -> Image.Image:
    """Put a transparent picture on white: colours under full transparency are arbitrary."""
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)


def _what_it_is(encoded: bytes) -> str:
    return f"begins with {encoded[:8]!r} and is none of {', '.join(FORMATS)}"

"""Whatever a file holds, it becomes upright grey or colour pixels of 8 bits, or a reason why not."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import encode, pixels
from PIL import Image

from anomaly_ae.ingest.pictures.decode import FORMATS, PictureError, decode, encode_png, inspect


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_formats_give_their_pixels(form: str, channels: int) -> None:
    """Grey stays grey, colour stays colour, and no pixel changes."""
    wanted = pixels(channels=channels)

    decoded = inspect(encode(wanted, form), None)

    assert (decoded.pixels == wanted).all()
    assert (decoded.format, decoded.pixels.dtype) == (form, np.uint8)


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_lossy_formats_come_near(form: str) -> None:
    """A smooth picture survives JPEG and WebP within a few levels."""
    wanted = np.linspace(0, 255, 16 * 12 * 3).reshape(12, 16, 3).astype(np.uint8)

    assert np.abs(decode(encode(wanted, form, quality=95)).astype(int) - wanted).max() < 20


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_by_the_full_range(form: str) -> None:
    """The darkest of 65,536 levels becomes 0, the brightest 255, and half of them 127."""
    deep = np.array([[0, 255, 256, 32767, 65535]], np.uint16)

    decoded = inspect(encode(deep, form), None)

    assert decoded.pixels.tolist() == [[0, 0, 1, 127, 255]]
    assert decoded.mode.startswith("I;16")


def test_transparent_pixels_are_white_whatever_is_hidden_under_them() -> None:
    """Of RGBA, grey with alpha and a palette with a transparent colour, what cannot be seen does not count."""
    hidden = np.dstack([pixels(), np.zeros((12, 16), np.uint8)])
    half = np.dstack([np.zeros((12, 16, 3), np.uint8), np.full((12, 16), 128, np.uint8)])
    palette = Image.fromarray(pixels()).quantize(4)
    grey = np.dstack([pixels(channels=1), np.zeros((12, 16), np.uint8)])

    assert (decode(encode(hidden)) == 255).all()
    assert (decode(encode(half)) == 127).all()
    assert (decode(encode(Image.fromarray(grey, "LA"))) == 255).all()
    assert decode(encode(Image.fromarray(grey, "LA"))).ndim == 2
    assert (decode(encode(palette, transparency=0))[np.asarray(palette) == 0] == 255).all()


def test_palette_and_cmyk_become_colour() -> None:
    """A palette gives its colours; CMYK gives red, green and blue."""
    palette = Image.fromarray(pixels()).quantize(16)
    red = Image.new("CMYK", (4, 4), (0, 255, 255, 0))

    assert (decode(encode(palette)) == np.asarray(palette.convert("RGB"))).all()
    for form in ("TIFF", "JPEG"):
        decoded = inspect(encode(red, form), None)
        assert decoded.mode == "CMYK"
        assert np.abs(decoded.pixels.astype(int) - [255, 0, 0]).max() < 8


def test_black_and_white_is_grey() -> None:
    """One bit a pixel becomes 0 and 255."""
    assert np.unique(decode(encode(Image.fromarray(pixels(channels=1)).convert("1")))).tolist() == [0, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_pictures_stand_upright(orientation: int, form: str) -> None:
    """The same scene, however the camera was held, gives the same pixels."""
    scene = np.zeros((16, 32), np.uint8)
    scene[:8, :16] = 255
    back = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    held = Image.fromarray(scene)
    for turn in back.get(orientation, []):
        held = held.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation

    decoded = decode(encode(held, form, exif=exif.tobytes() if form != "TIFF" else exif))

    assert decoded.shape == scene.shape
    assert ((decoded > 127) == (scene > 127)).all()


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_first_frame_of_several_counts(form: str) -> None:
    """An animation is the picture it begins with."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]

    decoded = decode(
        encode(frames[0], form, save_all=True, append_images=frames[1:], **{"lossless": True} if form == "WEBP" else {})
    )

    assert (decoded == [255, 0, 0]).all()


def test_every_cut_short_file_is_damaged() -> None:
    """A file that ends in its middle is told from one that is no picture at all."""
    for form in FORMATS:
        whole = encode(pixels(height=64, width=64), form)
        with pytest.raises(PictureError) as caught:
            inspect(whole[: len(whole) // 2], None)
        assert caught.value.code == "damaged", form


@pytest.mark.parametrize(
    ("encoded", "code"),
    [(b"", "empty_file"), (b"hello, I am no picture", "not_a_picture"), (b"%PDF-1.7\n", "not_a_picture")],
)
def test_what_is_no_picture_is_said(encoded: bytes, code: str) -> None:
    """Nothing and text are refused for what they are."""
    with pytest.raises(PictureError) as caught:
        inspect(encoded, None)

    assert caught.value.code == code


def test_formats_beyond_the_list_are_not_opened() -> None:
    """A decoder that nobody asked for is not run, though Pillow has it."""
    with pytest.raises(PictureError) as caught:
        inspect(encode(pixels(), "PPM"), None)

    assert caught.value.code == "not_a_picture"


def test_floats_have_no_known_range() -> None:
    """A TIFF of floats is refused with what to do, not guessed at."""
    with pytest.raises(PictureError, match="8 or 16 bits") as caught:
        inspect(encode(np.ones((4, 4), np.float32), "TIFF"), None)

    assert caught.value.code == "unsupported_depth"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bomb_is_refused_before_it_is_decoded() -> None:
    """A small file of very many pixels is refused by its header, at the limit that the user sets."""
    bomb = encode(Image.new("1", (12_000, 12_000)))
    assert len(bomb) < 40_000

    with pytest.raises(PictureError) as caught:
        inspect(bomb, 50_000_000)
    with pytest.raises(PictureError, match=r"data\.max_pixels=100") as small:
        inspect(encode(pixels()), 100)

    assert caught.value.code == small.value.code == "too_many_pixels"
    assert inspect(encode(pixels()), 12 * 16).pixels.shape == (12, 16, 3)


CODES = {"empty_file", "not_a_picture", "damaged", "too_many_pixels", "unsupported_depth"}


def outcome(encoded: bytes) -> str:
    """Return the code of the error, or the type of the pixels."""
    try:
        return str(inspect(encoded, 1_000_000).pixels.dtype)
    except PictureError as error:
        return error.code


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about tags
@given(st.binary(max_size=200), st.sampled_from(FORMATS), st.integers(0, 400), st.integers(0, 30))
def test_no_bytes_make_it_crash(noise: bytes, form: str, place: int, length: int) -> None:
    """Noise, and pictures with noise written into them, are decoded or refused; nothing else happens."""
    whole = encode(pixels(), form)
    for encoded in (noise, whole[:place] + noise[:length] + whole[place + length :], whole[: place % 12] + noise):
        assert outcome(encoded) in {*CODES, "uint8"}


def test_png_is_the_same_every_time() -> None:
    """Equal pixels give equal bytes, and come back."""
    deep = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000

    assert encode_png(pixels()) == encode_png(pixels())
    assert (np.asarray(Image.open(io.BytesIO(encode_png(deep)))) == deep).all()

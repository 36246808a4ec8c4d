"""Text files: decompressed streams, and their encoding."""

import codecs

import charset_normalizer
import pyarrow as pa

from anomaly_ae.errors import SpecError
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.storage import is_remote, open_bytes

_HEAD_BYTES = 1 << 20
"""Bytes of a file that encoding and delimiter are detected from."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order marks; a longer mark comes before the shorter one it begins with."""

_LIKELY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "gb18030", "big5", "euc_kr"]
"""Encodings that tables are still written in; rarer ones must be named, as short texts fit too many of them."""

_MIN_TELLING_BYTES = 16
"""With fewer bytes beyond ASCII any guess would be chance."""


def open_stream(file: SourceFile) -> pa.NativeFile:
    """Open a file's bytes, decompressed."""
    source = open_bytes(file.path) if is_remote(file.path) else str(file.path)
    return pa.input_stream(source, compression=file.compression)


def read_head(file: SourceFile) -> bytes:
    """Read the first bytes of a file, decompressed."""
    with open_stream(file) as stream:
        return bytes(stream.read(_HEAD_BYTES))


def choose_encoding(head: bytes, wanted: str) -> str:
    """Return the Python codec of a text: the one asked for, or with "auto" the one that its first bytes suggest.

    Raises:
        SpecError: the encoding is unknown.
    """
    if wanted == "auto":
        return detect_encoding(head)
    try:
        name = codecs.lookup(wanted).name
    except LookupError as error:
        msg = f"data.encoding={wanted!r} is no known encoding; examples: utf-8, cp1252, latin-1, utf-16"
        raise SpecError(msg) from error
    return "utf-8-sig" if name == "utf-8" else name  # with or without a byte order mark


def detect_encoding(head: bytes) -> str:
    """Detect the encoding by a byte order mark, by zero bytes, by valid UTF-8, or by the letters used."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    zeros = [head[:4096][parity::2].count(0) for parity in (0, 1)]
    if max(zeros) > len(head[:4096]) / 8:  # Latin letters have a zero byte each
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return "utf-8" if _is_mostly_utf8(head) else _guess(head)


def _is_mostly_utf8(head: bytes) -> bool:
    """Say whether a text is UTF-8 except for a few broken bytes, whose rows are rejected later."""
    text = codecs.getincrementaldecoder("utf-8")(errors="replace").decode(head)
    broken = text.count("\ufffd")
    return broken * 10 <= sum(character > "\x7f" for character in text) - broken if broken else True


def _guess(head: bytes) -> str:
    """Guess an eight-bit or East Asian encoding from the lines that are not ASCII; cp1252 with few such bytes."""
    telling = b"\n".join([line for line in head.splitlines() if not line.isascii()][:200])
    if sum(byte > 0x7F for byte in telling) < _MIN_TELLING_BYTES:
        return "cp1252"
    best = charset_normalizer.from_bytes(telling, cp_isolation=_LIKELY).best()
    return best.encoding if best else "cp1252"

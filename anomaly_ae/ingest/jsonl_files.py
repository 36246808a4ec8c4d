"""JSON Lines files: one object per line."""

import contextlib
import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.raw import Malformed, RawBatch
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.ingest.text import choose_encoding, open_stream, read_head
from anomaly_ae.spec import DataSpec

_BATCH_LINES = 16_384
_BATCH_CHARACTERS = 16 << 20
"""A batch ends at whichever limit comes first, so that long lines do not fill the memory."""

_TYPES = {
    frozenset[type](): pa.null(),
    frozenset({bool}): pa.bool_(),
    frozenset({int}): pa.int64(),
    frozenset({float}): pa.float64(),
    frozenset({int, float}): pa.float64(),
    frozenset({str}): pa.string(),
}


def read_jsonl(file: SourceFile, data: DataSpec) -> Iterator[RawBatch]:
    """Yield the records of a JSON Lines file; the columns of a batch are the keys that occur in it.

    A column is typed where all its values in the batch have one type, else it is text. Null and an absent key are
    missing; nested values are JSON text. A line that is not an object, has a key twice or is not text is malformed.
    Empty lines are skipped.

    Raises:
        SourceError: the file is one JSON array.
    """
    head = read_head(file)
    encoding = choose_encoding(head, data.encoding)
    if head.decode(encoding, errors="replace").removeprefix("\ufeff").lstrip().startswith("["):
        msg = f"{file.path} is a JSON array; JSON Lines is wanted: one object a line, no brackets around them"
        raise SourceError(msg)
    with open_stream(file) as stream:
        # A byte that is not text becomes a lone surrogate, which valid text never contains.
        text = io.TextIOWrapper(io.BufferedReader(stream, 1 << 20), encoding, errors="surrogateescape")
        lines = enumerate((line for line in text if line.strip()), start=1)
        while chunk := _take(lines):
            yield _batch(chunk)


def _take(lines: Iterator[tuple[int, str]]) -> list[tuple[int, str]]:
    """Take the lines of one batch."""
    chunk, characters = [], 0
    for number, line in lines:
        chunk.append((number, line))
        characters += len(line)
        if len(chunk) >= _BATCH_LINES or characters >= _BATCH_CHARACTERS:
            break
    return chunk


def _batch(lines: list[tuple[int, str]]) -> RawBatch:
    records: dict[int, dict[str, Any]] = {}
    malformed = []
    for number, line in lines:
        parsed = _record(number, line)
        if isinstance(parsed, Malformed):
            malformed.append(parsed)
        else:
            records[number] = parsed
    try:
        table = _table(list(records.values()))
    except UnicodeEncodeError:
        # An escape may be half of a surrogate pair. Only Arrow refuses it, without saying where.
        good = [(number, line) for number, line in lines if number in records and _is_text(records[number])]
        bad = [_not_text(number, line) for number, line in lines if number in records and not _is_text(records[number])]
        batch = _batch(good)
        return RawBatch(batch.records, batch.numbers, (*malformed, *bad))
    return RawBatch(table, np.array(list(records), np.int64), tuple(malformed))


def _table(records: list[dict[str, Any]]) -> pa.RecordBatch:
    names = dict.fromkeys(itertools.chain.from_iterable(records))
    if not names:  # rows of empty objects have no column to count them by
        return pa.RecordBatch.from_struct_array(pa.array([{}] * len(records), pa.struct([])))
    columns = [_column([record.get(name) for record in records]) for name in names]
    return pa.RecordBatch.from_arrays(columns, names=list(names))


def _column(values: list[Any]) -> pa.Array:
    """Make a typed column where the values have one type and fit it, else a column of text."""
    kind = _TYPES.get(frozenset(map(type, values)) - {type(None)})
    if kind is not None:
        # They do not fit where an integer is beyond int64, or cannot be held by a float.
        with contextlib.suppress(pa.ArrowInvalid, OverflowError):
            return pa.array(values, kind)
    return pa.array([_text(value) for value in values], pa.string())


def _record(number: int, line: str) -> dict[str, Any] | Malformed:
    try:
        line.encode()
        record = _DECODER.decode(line)
    except UnicodeEncodeError:
        return _not_text(number, line)
    except (ValueError, RecursionError) as error:
        return Malformed(number, line.rstrip("\n"), "not_json", str(error))
    if not isinstance(record, dict):
        return Malformed(number, line.rstrip("\n"), "not_json", "not a JSON object")
    return record


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        msg = "a key occurs twice"
        raise ValueError(msg)
    return record


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def _is_text(record: dict[str, Any]) -> bool:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_text(number: int, line: str) -> Malformed:
    readable = line.encode(errors="surrogateescape").decode(errors="backslashreplace").rstrip("\n")
    return Malformed(number, readable, "not_utf8", "not valid text; set data.encoding if the whole file is so")


def _text(value: Any) -> str | None:
    """Format a JSON value as text; a float without a fraction is formatted like an integer."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return json.dumps(value, ensure_ascii=False)

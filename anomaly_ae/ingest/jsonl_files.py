"""JSON Lines files: one object a line, its values as text."""

import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.raw import Malformed, RawBatch
from anomaly_ae.ingest.sources import SourceFile
from anomaly_ae.ingest.text import choose_encoding, open_stream, read_head
from anomaly_ae.spec import DataSpec

BATCH_LINES = 16_384
BATCH_CHARACTERS = 16 << 20
"""A batch ends at whichever comes first, so that long lines do not fill the memory."""


def read_jsonl(file: SourceFile, data: DataSpec) -> Iterator[RawBatch]:
    """Yield the records of a JSON Lines file; the columns of a batch are the keys that occur in it.

    Numbers and booleans come as their JSON text, null and an absent key as null, nested values as JSON text. A line
    that is no object, names a key twice or is not text comes as malformed. Empty lines are no records.

    Raises:
        SourceError: the file is one JSON array.
    """
    head = read_head(file)
    encoding = choose_encoding(head, data.encoding)
    if head.decode(encoding, errors="replace").removeprefix("\ufeff").lstrip().startswith("["):
        msg = f"{file.path} is a JSON array; JSON Lines is wanted: one object a line, no brackets around them"
        raise SourceError(msg)
    with open_stream(file) as stream:
        # A byte that is not text becomes a lone surrogate, which no valid text has.
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
        if len(chunk) >= BATCH_LINES or characters >= BATCH_CHARACTERS:
            break
    return chunk


def _batch(lines: list[tuple[int, str]]) -> RawBatch:
    records: dict[int, dict[str, str | None]] = {}
    malformed = []
    for number, line in lines:
        parsed = _record(number, line)
        if isinstance(parsed, Malformed):
            malformed.append(parsed)
        else:
            records[number] = parsed
    names = dict.fromkeys(itertools.chain.from_iterable(records.values()))
    columns = [pa.array([record.get(name) for record in records.values()], pa.string()) for name in names]
    # Rows of empty objects have no column that could count them.
    table = pa.RecordBatch.from_arrays(columns, names=list(names)) if names else _without_columns(len(records))
    return RawBatch(table, np.array(list(records), np.int64), tuple(malformed))


def _without_columns(rows: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))


def _record(number: int, line: str) -> dict[str, str | None] | Malformed:
    try:
        line.encode()
        record = json.loads(line, object_pairs_hook=_unique)
        if not isinstance(record, dict):
            return Malformed(number, line.rstrip("\n"), "not_json", "not a JSON object")
        cells = {key: _text(value) for key, value in record.items()}
        "".join(itertools.chain(cells, filter(None, cells.values()))).encode()
    except UnicodeEncodeError:
        readable = line.encode(errors="surrogateescape").decode(errors="backslashreplace").rstrip("\n")
        return Malformed(number, readable, "not_utf8", "not valid text; set data.encoding if the whole file is so")
    except (ValueError, RecursionError) as error:
        return Malformed(number, line.rstrip("\n"), "not_json", str(error))
    return cells


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        msg = "a key stands there twice"
        raise ValueError(msg)
    return record


def _text(value: Any) -> str | None:
    """Return a JSON value as a text cell: exact for integers, shortest round-trip for floats."""
    if value is None or isinstance(value, str):
        return value
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)

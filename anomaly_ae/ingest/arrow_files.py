"""Parquet and Arrow files: typed columns, converted to the few plain types that the parser knows."""

import json
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.ingest.text import open_stream
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage.parquet import open_parquet

BATCH_ROWS = 16_384


def read_parquet(file: SourceFile, data: DataSpec) -> Iterator[RawBatch]:  # noqa: ARG001 - the signature of every reader
    """Yield the records of a Parquet file; an empty batch with its columns comes first."""
    with open_parquet(file.path) as parquet:
        # So few rows are decoded faster than they are distributed to threads.
        yield from _number(parquet.schema_arrow, parquet.iter_batches(BATCH_ROWS, use_threads=False))


def read_arrow(file: SourceFile, data: DataSpec) -> Iterator[RawBatch]:  # noqa: ARG001 - the signature of every reader
    """Yield the records of an Arrow IPC file or stream (or Feather); an empty batch with its columns comes first."""
    with open_stream(file) as stream:
        is_file = bytes(stream.read(6)) == b"ARROW1"
    with open_stream(file) as stream:
        if is_file:
            # The index of an IPC file is at its end; a compressed file must be decompressed to reach it.
            reader = pa.ipc.open_file(pa.BufferReader(stream.read()) if file.compression else stream)
            batches = (reader.get_batch(index) for index in range(reader.num_record_batches))
        else:
            reader = batches = pa.ipc.open_stream(stream)
        yield from _number(reader.schema, _cut(batches))


def _cut(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)


def _number(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[RawBatch]:
    yield RawBatch(_plain_batch(pa.RecordBatch.from_pylist([], schema=schema)), np.empty(0, np.int64))
    last = 0
    for batch in batches:
        yield RawBatch(_plain_batch(batch), np.arange(last + 1, last + 1 + batch.num_rows))
        last += batch.num_rows


def _plain_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([plain(column) for column in batch.columns], names=batch.schema.names)


def plain(column: pa.Array) -> pa.Array:
    """Convert a column to null, bool, int64, float64, timestamp (us, naive or UTC) or string.

    Integers beyond int64 become text, which keeps their digits; decimals become floats or, with scale 0, integers;
    nested values become JSON text; times are truncated to microseconds.
    """
    column = _unwrapped(column)
    kind = column.type
    if pa.types.is_null(kind) or pa.types.is_boolean(kind):
        return column
    if pa.types.is_integer(kind) or pa.types.is_duration(kind) or (pa.types.is_decimal(kind) and kind.scale <= 0):
        return _cast_or_text(column, pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        zone = "UTC" if getattr(kind, "tz", None) else None
        return column.cast(pa.timestamp("us", zone), safe=False)
    return _as_text(column)


def _unwrapped(column: pa.Array) -> pa.Array:
    """Return the values behind a dictionary or an extension type."""
    if isinstance(column.type, pa.BaseExtensionType):
        return _unwrapped(column.storage)
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _cast_or_text(column: pa.Array, target: pa.DataType) -> pa.Array:
    try:
        return column.cast(target)
    except pa.ArrowInvalid:
        return column.cast(pa.string())


def _as_text(column: pa.Array) -> pa.Array:
    """Cast text-like columns to text, and write any other value as JSON."""
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        spelled = [None if cell is None else json.dumps(_legible(cell), default=str) for cell in column.to_pylist()]
        return pa.array(spelled, pa.string())


def _legible(cell: object) -> object:
    """Return bytes as hex digits, and anything else unchanged."""
    return cell.hex() if isinstance(cell, bytes) else cell

"""Parquet files, opened, read and written wherever they are; read from an object store block by block."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from anomaly_ae.storage.files import BLOCK_BYTES, open_bytes
from anomaly_ae.storage.locations import Location, is_remote


@contextmanager
def open_parquet(path: Location, buffer_size: int = 0) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file to be read in batches; `buffer_size` as pyarrow has it."""
    # Buffered ahead, a file would be in memory whole by its last row group.
    with _source(path) as source, pq.ParquetFile(source, pre_buffer=False, buffer_size=buffer_size) as parquet:
        yield parquet


def read_parquet(path: Location, columns: Sequence[str] | None = None, schema: pa.Schema | None = None) -> pa.Table:
    """Read a Parquet file whole."""
    with _source(path) as source:
        return pq.read_table(source, columns=columns and list(columns), schema=schema)


def count_rows(path: Location) -> int:
    """Return how many rows a Parquet file has, as its footer says."""
    with _source(path) as source:
        return int(pq.read_metadata(source).num_rows)


def schema_of(path: Location) -> pa.Schema:
    """Return the schema of a Parquet file."""
    with _source(path) as source:
        return pq.read_schema(source)


def open_dataset(parts: Sequence[Location]) -> ds.Dataset:
    """Open several Parquet files of one directory as one table, to be filtered while it is read."""
    remote = [part for part in parts if is_remote(part)]
    if not remote:
        return ds.dataset(list(parts), format="parquet")
    return ds.dataset([part.path for part in remote], filesystem=remote[0].fs, format="parquet")


@contextmanager
def open_writer(path: Location, schema: pa.Schema, **encoding: Any) -> Iterator[pq.ParquetWriter]:
    """Open a Parquet file to be written in batches; on an object store it is there once it is closed.

    Args:
        path: where.
        schema: of every batch.
        **encoding: settings of pyarrow's ParquetWriter, which refuses those it does not know.
    """
    with _sink(path) as sink, pq.ParquetWriter(sink, schema, compression="zstd", **encoding) as file:
        yield file


def write_parquet(table: pa.Table, path: Location) -> None:
    """Write a table into a Parquet file."""
    with _sink(path) as sink:
        pq.write_table(table, sink)


def _source(path: Location) -> Any:
    """Return what pyarrow reads: a path of this machine as it is, which is the fastest; else an open file."""
    return open_bytes(path) if is_remote(path) else nullcontext(path)


def _sink(path: Location) -> Any:
    return path.open("wb", block_size=BLOCK_BYTES) if is_remote(path) else nullcontext(path)

"""Parquet files, local or remote; remote files are read block by block."""

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
    # With pre-buffering, the whole file would be in memory by its last row group.
    with _source(path) as source, pq.ParquetFile(source, pre_buffer=False, buffer_size=buffer_size) as parquet:
        yield parquet


def read_parquet(path: Location, columns: Sequence[str] | None = None, schema: pa.Schema | None = None) -> pa.Table:
    """Read a whole Parquet file."""
    with _source(path) as source:
        return pq.read_table(source, columns=columns and list(columns), schema=schema)


def count_rows(path: Location) -> int:
    """Return the number of rows of a Parquet file, from its footer."""
    with _source(path) as source:
        return int(pq.read_metadata(source).num_rows)


def schema_of(path: Location) -> pa.Schema:
    """Return the schema of a Parquet file."""
    with _source(path) as source:
        return pq.read_schema(source)


def open_dataset(parts: Sequence[Location]) -> ds.Dataset:
    """Open the Parquet files of a directory as one dataset that can be filtered while reading."""
    remote = [part for part in parts if is_remote(part)]
    if not remote:
        return ds.dataset(list(parts), format="parquet")
    return ds.dataset([part.path for part in remote], filesystem=remote[0].fs, format="parquet")


@contextmanager
def open_writer(path: Location, schema: pa.Schema, **encoding: Any) -> Iterator[pq.ParquetWriter]:
    """Open a Parquet file to write in batches; on an object store it appears once it is closed.

    Args:
        path: where.
        schema: of every batch.
        **encoding: settings of pyarrow's ParquetWriter, which rejects unknown ones.
    """
    with _sink(path) as sink, pq.ParquetWriter(sink, schema, compression="zstd", **encoding) as file:
        yield file


def write_parquet(table: pa.Table, path: Location) -> None:
    """Write a table to a Parquet file."""
    with _sink(path) as sink:
        pq.write_table(table, sink)


def _source(path: Location) -> Any:
    """Return what pyarrow reads: a path of this machine as it is, which is the fastest; else an open file."""
    return open_bytes(path) if is_remote(path) else nullcontext(path)


def _sink(path: Location) -> Any:
    return path.open("wb", block_size=BLOCK_BYTES) if is_remote(path) else nullcontext(path)

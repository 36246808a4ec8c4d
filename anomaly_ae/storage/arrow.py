"""Arrow files: record batches written and read back without being encoded, wherever they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from anomaly_ae.storage.files import BLOCK_BYTES, open_bytes
from anomaly_ae.storage.locations import Location, is_remote


@contextmanager
def open_arrow_writer(path: Location, schema: pa.Schema) -> Iterator[pa.RecordBatchFileWriter]:
    """Open an Arrow file to be written in batches; on an object store it exists once it is closed."""
    place: Any = path
    sink = place.open("wb", block_size=BLOCK_BYTES) if is_remote(path) else path.open("wb")
    with sink, pa.ipc.new_file(sink, schema) as writer:
        yield writer


def read_arrow(path: Location) -> Iterator[pa.RecordBatch]:
    """Yield the batches of an Arrow file; on this machine they are mapped into memory, not copied."""
    opened = open_bytes(path) if is_remote(path) else pa.memory_map(str(path))
    with opened as source, pa.ipc.open_file(source) as reader:
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)

"""The floor of scoring: reading, bare matrix products and writing, each timed alone."""

import io
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from anomaly_ae.ingest.dataset import Dataset
from anomaly_ae.networks.autoencoder import Autoencoder
from anomaly_ae.networks.dense import ParallelLinear
from anomaly_ae.networks.memory import SEARCH_ROWS
from anomaly_ae.scored.table import ENCODING
from anomaly_ae.scoring import BATCH_ROWS
from anomaly_ae.threads import side_by_side


def read_only(rows: Dataset) -> float:
    """Read the feature columns of a dataset, row group by row group; return the seconds."""
    names = [column.name for column in rows.contract.features]
    start = time.perf_counter()
    for part in rows.parts:
        with pq.ParquetFile(part) as file:
            for group in range(file.num_row_groups):
                file.read_row_group(group, columns=names)
    return time.perf_counter() - start


def products(network: Autoencoder, rows: int) -> float:
    """Multiply as many batches as scoring does with every matrix of the network; return the seconds.

    Batches are as large as scoring's own, and so are the pieces in which a memory is searched.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, ParallelLinear)]
    inputs = [torch.randn(len(layer.weight), BATCH_ROWS, layer.weight.shape[1]) for layer in layers]
    batch = torch.randn(BATCH_ROWS, network.frame.shape[0])

    def multiply(_: int) -> None:
        for layer, rows_in in zip(layers, inputs, strict=True):
            torch.bmm(rows_in, layer.weight)
        for memory in network.memories:
            for few in batch.split(SEARCH_ROWS):
                few @ memory.stored.T

    start = time.perf_counter()
    list(side_by_side(multiply, range(-(-rows // BATCH_ROWS))))
    return time.perf_counter() - start


def write_only(sample: pa.Table, rows: int) -> float:
    """Write as many scored rows as there are, over and over the same row group; return the seconds."""
    writer: Any = pq.ParquetWriter(io.BytesIO(), sample.schema, compression="zstd", **ENCODING)
    start = time.perf_counter()
    with writer:
        for first in range(0, rows, len(sample)):
            writer.write_table(sample.slice(0, rows - first))
    return time.perf_counter() - start

"""The lower bound of scoring: reading, bare matrix products and writing, each timed alone."""

import io
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from anomaly_ae.networks.autoencoder import Autoencoder
from anomaly_ae.networks.layers import ParallelLinear
from anomaly_ae.networks.nearest import SEARCH_ROWS
from anomaly_ae.networks.onednn import linear
from anomaly_ae.networks.threads import side_by_side
from anomaly_ae.scoring.schema import ENCODING
from anomaly_ae.scoring.scores import BATCH_ROWS
from anomaly_ae.workspace.dataset import Dataset


def read_only(rows: Dataset) -> float:
    """Read the feature columns of a dataset, row group by row group; return the seconds."""
    names = [column.name for column in rows.contract.features]
    start = time.perf_counter()
    for part in rows.parts:
        with pq.ParquetFile(part) as file:
            for group in range(file.num_row_groups):
                file.read_row_group(group, columns=names)
    return time.perf_counter() - start


def bare(rows: Tensor, weight: Tensor) -> Tensor:
    """Multiply with torch's own operator."""
    return rows @ weight


def by_onednn(rows: Tensor, weight: Tensor) -> Tensor:
    """Multiply as scoring does, without the activation."""
    return linear(rows, weight, torch.zeros(weight.shape[1]))


def products(network: Autoencoder, rows: int, multiply: Callable[[Tensor, Tensor], Tensor]) -> float:
    """Multiply as many batches as scoring does with every matrix of the network; return the seconds.

    Batches, and the chunks in which a memory is searched, are as large as in scoring.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, ParallelLinear)]
    weights = [weight for layer in layers for weight in layer.weight]
    inputs = [torch.randn(BATCH_ROWS, len(weight)) for weight in weights]
    chunks = torch.randn(BATCH_ROWS, len(network.frame)).split(SEARCH_ROWS)

    def of_a_batch(_: int) -> None:
        for weight, rows_in in zip(weights, inputs, strict=True):
            multiply(rows_in, weight)
        for memory in network.memories:
            for chunk in chunks:
                multiply(chunk, memory.stored.T)

    start = time.perf_counter()
    list(side_by_side(of_a_batch, range(-(-rows // BATCH_ROWS))))
    return time.perf_counter() - start


def write_only(sample: pa.Table, rows: int) -> float:
    """Write `rows` scored rows by repeating the same row group; return the seconds."""
    writer: Any = pq.ParquetWriter(io.BytesIO(), sample.schema, compression="zstd", **ENCODING)
    start = time.perf_counter()
    with writer:
        for first in range(0, rows, len(sample)):
            writer.write_table(sample.slice(0, rows - first))
    return time.perf_counter() - start

"""Torch modules: layers and forward, nothing else. `build` makes the one that a spec names."""

from collections.abc import Sequence

from anomaly_ae.networks.autoencoder import Autoencoder
from anomaly_ae.networks.dense import DenoisingAutoencoder, DenseAutoencoder, DenseNetwork
from anomaly_ae.networks.memory import Memory, whitening
from anomaly_ae.spec import MemoryNetwork, NetworkSpec, TextbookNetwork

__all__ = ["Autoencoder", "Memory", "build", "build_dense", "whitening"]


def build_dense(spec: NetworkSpec, width: int) -> DenseNetwork:
    """Return the untrained dense network that `spec` describes, for rows of `width` elements."""
    if isinstance(spec, TextbookNetwork):
        return DenseAutoencoder(width, spec.hidden, min(spec.bottleneck, max(1, width // 2)))
    return DenoisingAutoencoder(width, spec.hidden, spec.members)


def build(spec: NetworkSpec, width: int, memory_rows: Sequence[int]) -> Autoencoder:
    """Return an empty autoencoder of the right shape, for weights to be loaded into.

    Args:
        spec: kind and sizes of the network.
        width: number of elements, d.
        memory_rows: rows that each memory holds; empty without memories.
    """
    neighbours = spec.neighbours if isinstance(spec, MemoryNetwork) else 0
    memories = [Memory(rows, width, neighbours) for rows in memory_rows]
    return Autoencoder(build_dense(spec, width), memories)

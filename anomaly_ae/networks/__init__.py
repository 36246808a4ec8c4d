"""Torch modules: layers and forward, nothing else. `build` makes the one that a spec names."""

from anomaly_ae.networks.autoencoder import Autoencoder
from anomaly_ae.networks.dense import DenoisingAutoencoder, DenseAutoencoder, DenseNetwork
from anomaly_ae.networks.memory import Memory, whitening
from anomaly_ae.spec import MemoryNetwork, NetworkSpec, TextbookNetwork

__all__ = ["Autoencoder", "Memory", "build", "build_dense", "whitening"]


def build_dense(spec: NetworkSpec, width: int) -> DenseNetwork:
    """Return the untrained dense network that `spec` describes, for rows of `width` elements."""
    if isinstance(spec, TextbookNetwork):
        return DenseAutoencoder(width, spec.hidden, spec.bottleneck)
    return DenoisingAutoencoder(width, spec.hidden, spec.members)


def build(spec: NetworkSpec, width: int, memory_rows: int) -> Autoencoder:
    """Return an empty autoencoder of the right shape, for weights to be loaded into."""
    count = 2 if isinstance(spec, MemoryNetwork) else 0
    neighbours = spec.neighbours if isinstance(spec, MemoryNetwork) else 0
    memories = [Memory(memory_rows, width, neighbours) for _ in range(count)]
    return Autoencoder(build_dense(spec, width), memories)

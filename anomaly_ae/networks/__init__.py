"""Torch modules: layers and forward, nothing else. `build` makes the one a spec names."""

from torch import nn

from anomaly_ae.networks.dense import DenoisingAutoencoder, DenseAutoencoder
from anomaly_ae.spec import DenoisingNetwork, TextbookNetwork


def build(spec: DenoisingNetwork | TextbookNetwork, width: int) -> nn.Module:
    """Return the untrained network that `spec` describes, for rows of `width` elements."""
    if isinstance(spec, TextbookNetwork):
        return DenseAutoencoder(width, spec.hidden, spec.bottleneck)
    return DenoisingAutoencoder(width, spec.hidden)

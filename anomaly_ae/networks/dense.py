"""Dense autoencoders: rows of d elements in, their reconstruction out.

Shapes are `(*, d) -> (*, d)` throughout.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class DenseAutoencoder(nn.Module):
    """An encoder and its decoder, each a stack of dense layers.

    Args:
        width: number of elements of a row, d.
        hidden: widths of the layers between input and bottleneck; the decoder mirrors them.
        bottleneck: width of the code.

    Source:
        Rumelhart, Hinton and Williams, "Learning internal representations by error propagation", 1986.

    Example:
        >>> DenseAutoencoder(784, (256,), 64).encoder
        Sequential(
          (0): Linear(in_features=784, out_features=256, bias=True)
          (1): ReLU()
          (2): Linear(in_features=256, out_features=64, bias=True)
        )
    """

    def __init__(self, width: int, hidden: Sequence[int], bottleneck: int) -> None:
        super().__init__()
        self.encoder = dense([width, *hidden, bottleneck], nn.ReLU)
        self.decoder = dense([bottleneck, *reversed(hidden), width], nn.ReLU)

    def forward(self, rows: Tensor) -> Tensor:
        """Reconstruct rows from their code."""
        reconstruction: Tensor = self.decoder(self.encoder(rows))
        return reconstruction


class DenoisingAutoencoder(nn.Module):
    """A stack of dense layers that returns the clean row for a noisy one; it needs no bottleneck to have to learn.

    Args:
        width: number of elements of a row, d.
        hidden: widths of the layers in between.

    Source:
        Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010.
    """

    def __init__(self, width: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.layers = dense([width, *hidden, width], nn.GELU)

    def forward(self, rows: Tensor) -> Tensor:
        """Reconstruct rows as if they were noisy."""
        reconstruction: Tensor = self.layers(rows)
        return reconstruction


def dense(widths: Sequence[int], activation: type[nn.Module]) -> nn.Sequential:
    """Return linear layers of the given widths with an activation between every two of them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])

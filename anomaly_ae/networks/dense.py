"""Dense autoencoders: rows of d elements in, their reconstruction out.

Several members of one architecture are trained side by side, in one batched matrix product per layer. Shapes are
`(members, n, d) -> (members, n, d)`; rows without a members dimension are given to every member.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from anomaly_ae.networks.onednn import Activation, linear

MIN_COLUMNS = 16
ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": partial(nn.GELU, approximate="tanh"),
}


def wide_product(rows: Tensor, matrix: Tensor) -> Tensor:
    """Return `rows @ matrix`, computed with at least `MIN_COLUMNS` columns.

    With fewer, MKL treats even and odd rows differently, and a row's last bits would depend on its place.
    """
    columns = matrix.shape[-1]
    if columns >= MIN_COLUMNS:
        return rows @ matrix
    return (rows @ pad(matrix, (0, MIN_COLUMNS - columns)))[..., :columns]


class ParallelLinear(nn.Module):
    """One linear layer per member, `(members, n, inputs) -> (members, n, outputs)`."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        # The bounds of torch.nn.Linear.
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, 1, outputs).uniform_(-bound, bound))

    def forward(self, rows: Tensor) -> Tensor:
        """Apply each member's layer to its rows."""
        return torch.baddbmm(self.bias, rows, self.weight)

    def extra_repr(self) -> str:
        """Say the shape, as a printed model shows it."""
        members, inputs, outputs = self.weight.shape
        return f"members={members}, inputs={inputs}, outputs={outputs}"


class Layers(nn.Sequential):
    """Linear layers with an activation between every two of them, `(members, n, inputs) -> (members, n, outputs)`.

    While they are trained, all members at once; then one after the other, each layer and its activation in one go.

    Args:
        members: networks side by side.
        widths: of the input, between the layers, and of the output.
        activation: between the layers.
    """

    def __init__(self, members: int, widths: Sequence[int], activation: Activation) -> None:
        steps: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            steps += [ParallelLinear(members, inputs, outputs), ACTIVATIONS[activation]()]
        super().__init__(*steps[:-1])
        self.activation = activation

    def forward(self, rows: Tensor) -> Tensor:
        """Apply the layers."""
        if self.training:
            return cast("Tensor", super().forward(rows))  # type: ignore[no-untyped-call] # torch leaves it untyped
        return torch.stack([self._of_member(member, one) for member, one in enumerate(rows)])

    def _of_member(self, member: int, rows: Tensor) -> Tensor:
        *inner, last = [(one.weight[member], one.bias[member, 0]) for one in self if isinstance(one, ParallelLinear)]
        for weight, bias in inner:
            rows = linear(rows, weight, bias, self.activation)
        return linear(rows, *last)


class DenseAutoencoder(nn.Module):
    """The textbook autoencoder: an encoder to a bottleneck, and its mirror image.

    Args:
        width: number of elements of a row, d.
        hidden: widths of the layers between input and bottleneck; the decoder mirrors them.
        bottleneck: width of the code.

    Source:
        Rumelhart, Hinton and Williams, "Learning internal representations by error propagation", 1986.

    Example:
        >>> DenseAutoencoder(784, (256,), 64).encoder
        Layers(
          (0): ParallelLinear(members=1, inputs=784, outputs=256)
          (1): ReLU()
          (2): ParallelLinear(members=1, inputs=256, outputs=64)
        )
    """

    members = 1

    def __init__(self, width: int, hidden: Sequence[int], bottleneck: int) -> None:
        super().__init__()
        self.width = width
        self.encoder = Layers(1, [width, *hidden, bottleneck], "relu")
        self.decoder = Layers(1, [bottleneck, *reversed(hidden), width], "relu")

    def forward(self, rows: Tensor) -> Tensor:
        """Reconstruct rows from their code."""
        reconstruction: Tensor = self.decoder(self.encoder(for_members(rows, 1)))
        return reconstruction


class DenoisingAutoencoder(nn.Module):
    """Dense layers that return the clean row for a noisy one; they need no bottleneck to have to learn.

    Args:
        width: number of elements of a row, d.
        hidden: widths of the layers in between.
        members: networks trained side by side.

    Source:
        Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010.
    """

    def __init__(self, width: int, hidden: Sequence[int], members: int = 1) -> None:
        super().__init__()
        self.width = width
        self.members = members
        self.layers = Layers(members, [width, *hidden, width], "gelu")

    def forward(self, rows: Tensor) -> Tensor:
        """Reconstruct rows as if they were noisy."""
        reconstruction: Tensor = self.layers(for_members(rows, self.members))
        return reconstruction


DenseNetwork = DenseAutoencoder | DenoisingAutoencoder


def for_members(rows: Tensor, members: int) -> Tensor:
    """Give rows `(n, d)` to every member; rows `(members, n, d)` are given out already."""
    return rows if rows.dim() == 3 else rows.expand(members, *rows.shape)

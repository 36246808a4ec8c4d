"""Dense layers: rows of d elements in, rows out.

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

_MIN_COLUMNS = 16
_ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": partial(nn.GELU, approximate="tanh"),
}


def wide_product(rows: Tensor, matrix: Tensor) -> Tensor:
    """Return `rows @ matrix`, computed with at least `_MIN_COLUMNS` columns.

    With fewer, MKL treats even and odd rows differently, and a row's last bits would depend on its position.
    """
    columns = matrix.shape[-1]
    if columns >= _MIN_COLUMNS:
        return rows @ matrix
    return (rows @ pad(matrix, (0, _MIN_COLUMNS - columns)))[..., :columns]


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
        """Return the shape, for printed models."""
        members, inputs, outputs = self.weight.shape
        return f"members={members}, inputs={inputs}, outputs={outputs}"


class DenseLayers(nn.Sequential):
    """Linear layers with an activation between every two of them, `(members, n, inputs) -> (members, n, outputs)`.

    In training all members are computed at once; in evaluation mode one after the other, each layer fused with its
    activation.

    Args:
        members: networks side by side.
        widths: of the input, between the layers, and of the output.
        activation: between the layers.
    """

    def __init__(self, members: int, widths: Sequence[int], activation: Activation) -> None:
        steps: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            steps += [ParallelLinear(members, inputs, outputs), _ACTIVATIONS[activation]()]
        super().__init__(*steps[:-1])
        self.activation = activation

    def forward(self, rows: Tensor) -> Tensor:
        """Apply the layers."""
        if self.training:
            return cast("Tensor", super().forward(rows))  # type: ignore[no-untyped-call] # torch leaves it untyped
        return torch.stack([self._of_member(member, own) for member, own in enumerate(rows)])

    def _of_member(self, member: int, rows: Tensor) -> Tensor:
        layers = [layer for layer in self if isinstance(layer, ParallelLinear)]
        *inner, last = [(layer.weight[member], layer.bias[member, 0]) for layer in layers]
        for weight, bias in inner:
            rows = linear(rows, weight, bias, self.activation)
        return linear(rows, *last)


def for_members(rows: Tensor, members: int) -> Tensor:
    """Repeat rows `(n, d)` for every member; rows `(members, n, d)` are each member's already."""
    return rows if rows.dim() == 3 else rows.expand(members, *rows.shape)

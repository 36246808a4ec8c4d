"""Convolutions and linear layers of frozen networks, computed by oneDNN.

On a single thread torch leaves 1 x 1 convolutions and products in single precision to MKL. On processors other than
Intel's MKL uses half of the vector width, and torch rearranges the channels of convolutions for it. oneDNN avoids both.
"""

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, relu

Activation = Literal["none", "relu", "gelu"]


def convolve(
    pictures: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: tuple[int, ...] = (1, 1),
    padding: tuple[int, ...] = (0, 0),
    dilation: tuple[int, ...] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Convolve pictures `(n, channels, h, w)` as `torch.nn.functional.conv2d` does."""
    if not _is_known(pictures):
        return conv2d(pictures, weight, bias, stride, padding, dilation, groups)
    return torch.mkldnn_convolution(pictures, weight, bias, padding, stride, dilation, groups)


def linear(rows: Tensor, weight: Tensor, bias: Tensor, activation: Activation = "none") -> Tensor:
    """Return `activation(rows @ weight + bias)`, `(n, inputs)` by `(inputs, outputs)` to `(n, outputs)`.

    The activation is computed while the product is still in the processor's registers; gelu is its tanh approximation.
    """
    if _is_known(rows) and len(rows):
        algorithm = "tanh" if activation == "gelu" else ""
        return cast("Tensor", torch.ops.mkldnn._linear_pointwise(rows, weight.T, bias, activation, [], algorithm))  # noqa: SLF001 - torch's own compiler calls it by this name
    product = torch.addmm(bias, rows, weight)
    if activation == "gelu":
        return gelu(product, approximate="tanh")
    return relu(product) if activation == "relu" else product


class Convolution(nn.Module):
    """A frozen convolution.

    Args:
        convolution: whose weights and settings it takes; padded with zeros, the same number on both sides.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self.stride, self.dilation, self.groups = convolution.stride, convolution.dilation, convolution.groups
        self.padding = cast("tuple[int, ...]", convolution.padding)

    def forward(self, pictures: Tensor) -> Tensor:
        """Convolve pictures `(n, channels, h, w)`."""
        return convolve(
            pictures,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )


def by_onednn(network: nn.Module) -> nn.Module:
    """Return a frozen network with its plain convolutions computed by oneDNN; the others are unchanged."""
    if type(network) is nn.Conv2d and network.padding_mode == "zeros" and not isinstance(network.padding, str):
        return Convolution(network)
    for name, child in network.named_children():
        setattr(network, name, by_onednn(child))
    return network


def _is_known(values: Tensor) -> bool:
    is_single = values.device.type == "cpu" and values.dtype == torch.float32
    return is_single and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]  # torch's

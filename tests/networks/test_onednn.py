"""Convolutions and linear layers by oneDNN: what torch computes itself, and nothing replaced that is not the same."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, relu

from anomaly_ae.networks import onednn
from anomaly_ae.networks.onednn import by_onednn, convolve, linear


@pytest.mark.parametrize(
    "how",
    [
        {"stride": (2, 2)},
        {"padding": (2, 1)},
        {"dilation": (2, 2), "padding": (2, 2)},
        {"groups": 6},
        {"stride": (2, 1), "padding": (1, 1), "groups": 2},
    ],
    ids=str,
)
def test_convolutions_are_torch_s_own(how: dict[str, Any]) -> None:
    """Whatever its stride, padding, dilation and groups, a convolution gives what torch's gives."""
    torch.manual_seed(0)
    pictures, weight = torch.randn(3, 6, 9, 8), torch.randn(12, 6 // how.get("groups", 1), 3, 3)
    bias = torch.randn(12)

    torch.testing.assert_close(convolve(pictures, weight, bias, **how), conv2d(pictures, weight, bias, **how))


@pytest.mark.parametrize("rows", [0, 1, 7, 2048])
def test_a_linear_layer_is_a_product_and_a_sum(rows: int) -> None:
    """Rows times a matrix, plus the bias, in the same order and layout; also where there are none."""
    torch.manual_seed(0)
    some, weight, bias = torch.randn(rows, 30), torch.randn(30, 17), torch.randn(17)

    found = linear(some, weight, bias)

    torch.testing.assert_close(found, some @ weight + bias)
    assert found.is_contiguous()


@pytest.mark.parametrize(("activation", "function"), [("relu", relu), ("gelu", partial(gelu, approximate="tanh"))])
def test_an_activation_is_torch_s_own(
    activation: onednn.Activation, function: Callable[[Tensor], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Computed together with the product or after it, an activation gives what torch's gives."""
    torch.manual_seed(0)
    some, weight, bias = 3 * torch.randn(64, 30), torch.randn(30, 17), torch.randn(17)
    expected = function(some @ weight + bias)

    torch.testing.assert_close(linear(some, weight, bias, activation), expected, rtol=1e-5, atol=1e-5)
    monkeypatch.setattr(onednn, "_is_known", lambda _: False)
    torch.testing.assert_close(linear(some, weight, bias, activation), expected, rtol=1e-5, atol=1e-5)


def test_a_row_does_not_depend_on_its_place() -> None:
    """A row gives the same to the last bit wherever it stands among the others."""
    torch.manual_seed(0)
    some, weight, bias = torch.randn(257, 30), torch.randn(30, 5), torch.randn(5)

    turned = linear(some.flip(0), weight, bias).flip(0)

    assert torch.equal(turned, linear(some, weight, bias))


def test_without_onednn_torch_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build of torch without oneDNN, another device or another precision gives the same by torch's own way."""
    some, weight, bias = torch.randn(5, 4), torch.randn(4, 3), torch.randn(3)
    expected = linear(some, weight, bias)

    torch.testing.assert_close(linear(some.double(), weight.double(), bias.double()).float(), expected)
    monkeypatch.setattr(onednn, "_is_known", lambda _: False)
    torch.testing.assert_close(linear(some, weight, bias), expected)


def test_a_network_keeps_what_it_computes() -> None:
    """Plain convolutions are replaced, at any depth; those that pad in other ways are left as they are."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.Conv2d(8, 4, 1)),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    ).eval()
    pictures = torch.rand(2, 3, 16, 16)
    before = network(pictures)

    replaced = by_onednn(network)

    torch.testing.assert_close(replaced(pictures), before)
    assert sum(isinstance(module, onednn.Convolution) for module in replaced.modules()) == 3

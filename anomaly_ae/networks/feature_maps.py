"""The autoencoder of feature maps: features of a frozen backbone, whitened by position, one network for all positions.

The features are reconstructed in a frame in which the channels of a position are independent and equally varied among
normal pictures; most of what the method finds, it finds through that frame.

Sources:
    Shi, Yang and Qi, "Unsupervised anomaly segmentation via deep feature reconstruction", Neurocomputing 2021.
    Defard et al., "PaDiM: a patch distribution modeling framework for anomaly detection and localization", 2021.
"""

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, interpolate

from anomaly_ae.errors import SpecError
from anomaly_ae.features.backbones import Backbone, load_backbone
from anomaly_ae.networks.denoising import DenoisingAutoencoder, DenoisingSection
from anomaly_ae.networks.feature_store import FeatureStore
from anomaly_ae.networks.picture_network import (
    FeatureExtractor,
    PictureAutoencoder,
    PictureBatches,
    PictureExamination,
    PictureFit,
    PictureFormat,
    PictureNetwork,
    TypicalPicture,
)
from anomaly_ae.networks.pixels import smooth
from anomaly_ae.networks.position_whitening import Moments, PositionWhitening
from anomaly_ae.networks.threads import one_thread
from anomaly_ae.spec import PictureSpec, Spec, TrainingSpec
from anomaly_ae.spec.sections import Widths
from anomaly_ae.training import UNATTENDED, Conduct, assign_folds, initialise, train

_DEFAULT_SIZE = 256
_STRIDE = 32
"""What the size must be a multiple of for the backbone's maps to lie exactly over each other."""
_EXTRACTED_AT_ONCE = 2
"""Pictures that the backbone reads at once: the maps between its layers are large, and have to stay in the cache."""
_EXAMINED_AT_ONCE = 2
"""Pictures whose positions the network reads at once, for the same reason."""


class FeatureMapsNetwork(DenoisingSection, PictureNetwork):
    """The denoising autoencoder on whitened feature maps of a frozen pretrained backbone: for photographs."""

    kind: Literal["feature_maps"] = "feature_maps"
    hidden: Widths = Field((512, 512), description="widths between input and output")
    members: int = Field(1, ge=1, description="networks side by side, each trained without a share of the positions")
    noise_min: float = Field(
        0.3, gt=0, description="noise standard deviation, in units of a whitened channel; per position"
    )
    noise_max: float = Field(2.0, gt=0, description="drawn log-uniformly between noise_min and noise_max")
    backbone: str = Field(
        "efficientnet_lite0", description="with the extra `pictures`; or torchvision:NAME or timm:NAME, with `weights`"
    )
    weights: str | None = Field(None, description="file of the backbone's weights, where no package brings them")
    grid: int = Field(32, ge=4, le=64, description="positions on each side, to which all feature maps are brought")
    shrinkage: float = Field(
        0.1, ge=0, le=1, description="of each position's covariance towards the mean of all positions'"
    )

    @property
    def summary(self) -> str:
        """Name the backbone."""
        return f"feature maps of {self.backbone}"

    def decide_format(self, asked: PictureSpec, typical: TypicalPicture) -> PictureFormat:
        """Read pictures in colour, at a size at which the backbone's maps lie over each other."""
        size = asked.size or _DEFAULT_SIZE
        if size % _STRIDE:
            msg = f"pictures.size is {size}; for network.kind feature_maps it must be a multiple of {_STRIDE}"
            raise SpecError(msg)
        in_colour = asked.model_copy(update={"colours": "rgb"})
        return PictureFormat.decide(self, in_colour, typical, size=size, top_share=0.01)

    def feature_extractor(self, weights_sha256: str | None = None) -> "BackboneFeatures":
        """Load the backbone."""
        weights = None if self.weights is None else Path(self.weights)
        return BackboneFeatures(load_backbone(self.backbone, weights, weights_sha256), self.grid)

    def fit_pictures(
        self,
        pictures: PictureBatches,
        picture_format: PictureFormat,
        extract: FeatureExtractor,
        spec: Spec,
        conduct: Conduct = UNATTENDED,
    ) -> PictureFit:
        """Fit the whitening on train pictures, and the network on positions drawn from them."""
        training = spec.training
        channels = _channels(extract, picture_format.size)
        fits = len(pictures) * self.grid**2 * channels * 2 <= spec.pictures.cache_bytes
        with tempfile.TemporaryDirectory(prefix="anomaly_ae-") as directory, one_thread():
            store = FeatureStore(pictures, extract, self.grid**2, Path(directory) / "features" if fits else None)
            whitening = _fit_whitening(store, self.shrinkage)
            rows = _draw_positions(store, whitening, training)
        network = initialise(lambda: self.build(channels), training.seed)
        fold = assign_folds(len(rows), network.members, training.early_stopping_share, training.seed)
        history = train(network, rows, fold, training, conduct=conduct)
        return PictureFit(FeatureMapAutoencoder(whitening, network).eval(), tuple(history))

    def empty_for_pictures(
        self,
        picture_format: PictureFormat,  # noqa: ARG002 - the tensors give all sizes
        tensors: Mapping[str, Tensor],
    ) -> "FeatureMapAutoencoder":
        """Return a whitening and a network for tensors to be loaded into."""
        positions, channels = tensors["whitening.centre"].shape
        return FeatureMapAutoencoder(PositionWhitening(positions, channels), self.build(channels))


class BackboneFeatures:
    """Extracts the feature maps of a backbone, on one grid.

    Args:
        backbone: frozen.
        grid: positions on each side.
    """

    def __init__(self, backbone: Backbone, grid: int) -> None:
        self.backbone, self.grid = backbone, grid

    @property
    def weights_sha256(self) -> str:
        """Hash of the backbone's weights."""
        return self.backbone.weights_sha256

    def __call__(self, pictures: Tensor) -> Tensor:
        """Return the features of pictures `(n, 3, size, size)`, `(n, grid * grid, channels)`."""
        backbone = self.backbone.to(pictures.device)
        few = torch.split(pictures, _EXTRACTED_AT_ONCE)
        return torch.cat([lay_on_grid(backbone(some), self.grid) for some in few])


class FeatureMapAutoencoder(PictureAutoencoder):
    """A whitening and a denoising network behind it, the same one for all positions.

    Args:
        whitening: of each position.
        network: reconstructs `(members, n, channels)`.
    """

    def __init__(self, whitening: PositionWhitening, network: DenoisingAutoencoder) -> None:
        super().__init__()
        self.whitening = whitening
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """Return the mean squared error of each position, `(n, positions, channels)` to `(n, positions)`."""
        whitened = self.whitening(features)
        errors = [self._error(some) for some in torch.split(whitened, _EXAMINED_AT_ONCE)]
        return torch.cat(errors)

    def _error(self, whitened: Tensor) -> Tensor:
        rows = whitened.flatten(0, 1)
        error: Tensor = (self.network(rows).mean(dim=0) - rows).square().mean(dim=1)
        return error.view(whitened.shape[:2])

    def examine(self, features: Tensor) -> PictureExamination:
        """Reconstruct features; a map is the root of their error on a grid twice as fine, smoothed over a position."""
        error = self(features)
        grid = math.isqrt(error.shape[1])
        coarse = error.sqrt().view(-1, 1, grid, grid)
        fine = interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        return PictureExamination(smooth(fine, grid / 32)[:, 0], error.mean(dim=1), None)


def lay_on_grid(maps: Sequence[Tensor], grid: int) -> Tensor:
    """Bring maps `(n, channels, h, w)` of several strides to one grid, `(n, grid * grid, channels of all)`.

    Each map is first averaged over three by three positions, so that neighbours describe the same place.
    """
    smoothed = [avg_pool2d(own, 3, stride=1, padding=1, count_include_pad=False) for own in maps]
    laid = [
        adaptive_avg_pool2d(own, grid)
        if own.shape[-1] > grid
        else interpolate(own, size=(grid, grid), mode="bilinear", align_corners=False)
        for own in smoothed
    ]
    return torch.cat(laid, dim=1).flatten(2).transpose(1, 2).contiguous()


def _channels(extract: FeatureExtractor, size: int) -> int:
    """Return the number of channels of the features."""
    with torch.inference_mode():
        return extract(torch.zeros(1, 3, size, size)).shape[2]


def _fit_whitening(store: FeatureStore, shrinkage: float) -> PositionWhitening:
    moments: Moments | None = None
    for features in store:
        if moments is None:
            moments = Moments(features.shape[1], features.shape[2], features.mean(dim=(0, 1)))
        moments.add(features)
    assert moments is not None, "a split without pictures is refused before"  # noqa: S101  for the type checker
    return moments.whitening(shrinkage)


def _draw_positions(store: FeatureStore, whitening: PositionWhitening, training: TrainingSpec) -> Tensor:
    """Draw whitened positions, the same number from each picture, `(n, channels)`."""
    generator = torch.Generator().manual_seed(training.seed)
    drawn = []
    for features in store:
        positions = features.shape[1]
        each = min(positions, max(1, training.max_rows // len(store.pictures)))
        with torch.inference_mode():
            whitened = whitening(features)
        drawn += [rows[torch.randperm(positions, generator=generator)[:each]] for rows in whitened]
    return torch.cat(drawn)

"""The autoencoder of feature maps: what a picture shows at each position is whitened by what normal ones show there.

After Yi and Yoon's reconstruction of deep features, in a frame in which the channels of a position are independent and
equally varied among normal pictures; most of what the method finds, it finds by that frame. Sources: Shi, Yang and Qi,
"Unsupervised anomaly segmentation via deep feature reconstruction", Neurocomputing 2021; Defard et al., "PaDiM", 2021.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, interpolate

from anomaly_ae.networks.dense import DenseNetwork
from anomaly_ae.networks.pixels import Seen, smooth

EXAMINED_AT_ONCE = 2
"""Pictures whose positions the network sees at once: what lies between its layers shall stay in the cache."""
WHITENED_AT_ONCE = 32
"""Positions whose factors are in single precision at once: they are in the cache still when they are used."""
RIDGE = 0.01
"""Added to the variance of every whitened channel, as a share of the channel's variance over all positions."""


def lay_on_grid(maps: Sequence[Tensor], grid: int) -> Tensor:
    """Bring maps `(n, channels, h, w)` of several strides to one grid, `(n, grid * grid, channels of all)`.

    Each is first averaged over three by three positions: neighbours then tell of the same place.
    """
    near = [avg_pool2d(one, 3, stride=1, padding=1, count_include_pad=False) for one in maps]
    laid = [
        adaptive_avg_pool2d(one, grid)
        if one.shape[-1] > grid
        else interpolate(one, size=(grid, grid), mode="bilinear", align_corners=False)
        for one in near
    ]
    return torch.cat(laid, dim=1).flatten(2).transpose(1, 2).contiguous()


class PositionWhitening(nn.Module):
    """An affine map per position that whitens what normal pictures show there.

    Args:
        positions: number of positions.
        channels: number of channels.

    Attributes:
        centre: mean of each position's channels, `(positions, channels)`.
        factor: transposed inverse Cholesky factor of each position's covariance, `(positions, channels, channels)`, in
            half precision: three digits are enough, and a model version holds a million of them per grid row.
    """

    centre: Tensor
    factor: Tensor

    def __init__(self, positions: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(positions, channels))
        self.register_buffer("factor", torch.zeros(positions, channels, channels, dtype=torch.float16))

    def forward(self, features: Tensor) -> Tensor:
        """Whiten features, `(n, positions, channels)` to the same shape."""
        shifted = torch.split((features - self.centre).transpose(0, 1), WHITENED_AT_ONCE)
        factors = torch.split(self.factor, WHITENED_AT_ONCE)
        whitened = [torch.bmm(some, factor.float()) for some, factor in zip(shifted, factors, strict=True)]
        return torch.cat(whitened).transpose(0, 1)


class Moments:
    """Running sums of features, from which the whitening is made: all of a position, none of a picture.

    Args:
        positions: number of positions.
        channels: number of channels.
        offset: subtracted from features before they are summed, `(channels,)`; near their mean, so that digits last.
    """

    def __init__(self, positions: int, channels: int, offset: Tensor) -> None:
        self.count = 0
        self.offset = offset
        self.sums = torch.zeros(positions, channels)
        self.products = torch.zeros(positions, channels, channels)

    def add(self, features: Tensor) -> None:
        """Count features in, `(n, positions, channels)`."""
        shifted = (features - self.offset).transpose(0, 1)
        self.count += len(features)
        self.sums += shifted.sum(dim=1)
        self.products.baddbmm_(shifted.transpose(1, 2), shifted)

    def whitening(self, shrinkage: float) -> PositionWhitening:
        """Return the whitening of what was counted; the moments are used up.

        Few pictures leave a position's covariance undetermined: it is shrunk towards the mean of all positions'.

        Args:
            shrinkage: how far, from 0 to 1.
        """
        positions, channels = self.sums.shape
        centre = self.sums / self.count
        scale = self._scale(centre)
        covariance = self.products.div_(self.count)
        covariance.baddbmm_(centre[:, :, None], centre[:, None, :], alpha=-1)
        covariance /= scale[:, None] * scale
        pooled = covariance.mean(dim=0) * shrinkage + RIDGE * torch.eye(channels)
        covariance.mul_(1 - shrinkage).add_(pooled)
        whitening = PositionWhitening(positions, channels)
        whitening.centre.copy_(centre + self.offset)
        for factor, one in zip(whitening.factor, covariance, strict=True):
            root = torch.linalg.cholesky(one)
            inverse = torch.linalg.solve_triangular(root, torch.diag(1 / scale), upper=False)
            factor.copy_(inverse.T)
        return whitening

    def _scale(self, centre: Tensor) -> Tensor:
        """Return the standard deviation of each channel over all pictures and positions, `(channels,)`."""
        squares = self.products.diagonal(dim1=1, dim2=2).mean(dim=0) / self.count
        return (squares - centre.mean(dim=0).square()).clamp_min(1e-12).sqrt()


class FeatureMapAutoencoder(nn.Module):
    """A whitening and a denoising network behind it, the same one for all positions.

    Args:
        whitening: of each position.
        network: reconstructs `(members, n, channels)`.
    """

    def __init__(self, whitening: PositionWhitening, network: DenseNetwork) -> None:
        super().__init__()
        self.whitening = whitening
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """Return the mean squared error of each position, `(n, positions, channels)` to `(n, positions)`."""
        whitened = self.whitening(features)
        errors = [self._error(some) for some in torch.split(whitened, EXAMINED_AT_ONCE)]
        return torch.cat(errors)

    def _error(self, whitened: Tensor) -> Tensor:
        rows = whitened.flatten(0, 1)
        error: Tensor = (self.network(rows).mean(dim=0) - rows).square().mean(dim=1)
        return error.view(whitened.shape[:2])

    def examine(self, features: Tensor) -> Seen:
        """Reconstruct features; a map is the root of their error on a grid twice as fine, smoothed over a position."""
        error = self(features)
        grid = math.isqrt(error.shape[1])
        coarse = error.sqrt().view(-1, 1, grid, grid)
        fine = interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        return Seen(smooth(fine, grid / 32)[:, 0], error.mean(dim=1), None)

"""The whitening of each position of feature maps, by what normal pictures show there.

Source:
    Defard et al., "PaDiM: a patch distribution modeling framework for anomaly detection and localization", 2021.
"""

import torch
from torch import Tensor, nn

_WHITENED_AT_ONCE = 32
"""Positions whose factors are in single precision at once: they are still in the cache when they are used."""
_RIDGE = 0.01
"""Added to the variance of every whitened channel, as a share of the channel's variance over all positions."""


class PositionWhitening(nn.Module):
    """An affine map per position that whitens what normal pictures show there.

    Args:
        positions: number of positions.
        channels: number of channels.

    Attributes:
        centre: mean of each position's channels, `(positions, channels)`.
        factor: transposed inverse Cholesky factor of each position's covariance, `(positions, channels, channels)`, in
            half precision: three digits are enough, and a model version holds a million factors per grid row.
    """

    centre: Tensor
    factor: Tensor

    def __init__(self, positions: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(positions, channels))
        self.register_buffer("factor", torch.zeros(positions, channels, channels, dtype=torch.float16))

    def forward(self, features: Tensor) -> Tensor:
        """Whiten features, `(n, positions, channels)` to the same shape."""
        shifted = torch.split((features - self.centre).transpose(0, 1), _WHITENED_AT_ONCE)
        factors = torch.split(self.factor, _WHITENED_AT_ONCE)
        whitened = [torch.bmm(some, factor.float()) for some, factor in zip(shifted, factors, strict=True)]
        return torch.cat(whitened).transpose(0, 1)


class Moments:
    """Running sums over pictures of the features of each position, from which its whitening is made.

    Args:
        positions: number of positions.
        channels: number of channels.
        offset: subtracted from features before they are summed, `(channels,)`; near their mean, to keep precision.
    """

    def __init__(self, positions: int, channels: int, offset: Tensor) -> None:
        self.count = 0
        self.offset = offset
        self.sums = torch.zeros(positions, channels)
        self.products = torch.zeros(positions, channels, channels)

    def add(self, features: Tensor) -> None:
        """Add features, `(n, positions, channels)`."""
        shifted = (features - self.offset).transpose(0, 1)
        self.count += len(features)
        self.sums += shifted.sum(dim=1)
        self.products.baddbmm_(shifted.transpose(1, 2), shifted)

    def whitening(self, shrinkage: float) -> PositionWhitening:
        """Return the whitening by the features that were added; the moments are used up.

        Few pictures leave a position's covariance undetermined: it is shrunk towards the mean over all positions.

        Args:
            shrinkage: how far, from 0 to 1.
        """
        positions, channels = self.sums.shape
        centre = self.sums / self.count
        scale = self._scale(centre)
        covariance = self.products.div_(self.count)
        covariance.baddbmm_(centre[:, :, None], centre[:, None, :], alpha=-1)
        covariance /= scale[:, None] * scale
        pooled = covariance.mean(dim=0) * shrinkage + _RIDGE * torch.eye(channels)
        covariance.mul_(1 - shrinkage).add_(pooled)
        whitening = PositionWhitening(positions, channels)
        whitening.centre.copy_(centre + self.offset)
        for factor, own in zip(whitening.factor, covariance, strict=True):
            root = torch.linalg.cholesky(own)
            inverse = torch.linalg.solve_triangular(root, torch.diag(1 / scale), upper=False)
            factor.copy_(inverse.T)
        return whitening

    def _scale(self, centre: Tensor) -> Tensor:
        """Return the standard deviation of each channel over all pictures and positions, `(channels,)`."""
        squares = self.products.diagonal(dim1=1, dim2=2).mean(dim=0) / self.count
        return (squares - centre.mean(dim=0).square()).clamp_min(1e-12).sqrt()

"""Compact PaDiM and PatchCore, on the same features as our model, with maps evaluated in the same way.

Sources: Defard et al., "PaDiM: a patch distribution modeling framework", ICPR 2021; Roth et al., "Towards total recall
in industrial anomaly detection", CVPR 2022.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from anomaly_ae.networks.pixels import smooth

ErrorMaps = Callable[[Tensor], Tensor]
"""Features `(n, positions, channels)` to errors `(n, positions)`."""

PADIM_CHANNELS = 100
PATCHES = 2000
CANDIDATES = 40_000
"""Number of patches that the coreset is chosen from."""


def padim(features: Tensor, seed: int) -> ErrorMaps:
    """Fit a Gaussian to a random subset of channels at each position; the error is the Mahalanobis distance."""
    generator = torch.Generator().manual_seed(seed)
    channels = torch.randperm(features.shape[2], generator=generator)[:PADIM_CHANNELS]
    chosen = features[..., channels].float().transpose(0, 1)
    mean = chosen.mean(dim=1, keepdim=True)
    covariance = torch.bmm((chosen - mean).transpose(1, 2), chosen - mean) / max(1, chosen.shape[1] - 1)
    factor = torch.linalg.cholesky(covariance + 0.01 * torch.eye(len(channels)))

    def errors(others: Tensor) -> Tensor:
        centred = (others[..., channels].float().transpose(0, 1) - mean).transpose(1, 2)
        return torch.linalg.solve_triangular(factor, centred, upper=False).norm(dim=1).T

    return errors


def patchcore(features: Tensor, seed: int) -> ErrorMaps:
    """Store a coreset of all patches; the error is the distance to the nearest."""
    generator = torch.Generator().manual_seed(seed)
    patches = features.flatten(0, 1)
    mean, std = patches.float().mean(dim=0), patches.float().std(dim=0) + 1e-6
    candidates = patches[torch.randperm(len(patches), generator=generator)[:CANDIDATES]].float()
    bank = coreset((candidates - mean) / std, PATCHES, generator)

    def errors(others: Tensor) -> Tensor:
        rows = ((others.float() - mean) / std).flatten(0, 1)
        return torch.cdist(rows, bank).amin(dim=1).view(others.shape[:2])

    return errors


def coreset(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Choose rows greedily: each is the farthest from those already chosen."""
    projected = rows @ torch.randn(rows.shape[1], 32, generator=generator)
    chosen = [0]
    distance = (projected - projected[0]).square().sum(dim=1)
    for _ in range(min(count, len(rows)) - 1):
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (projected - projected[chosen[-1]]).square().sum(dim=1))
    return rows[chosen]


def as_maps(errors: Tensor, grid: int) -> Tensor:
    """Turn errors `(n, positions)` into maps like ours: at twice the resolution, smoothed over one position."""
    coarse = errors.view(-1, 1, grid, grid)
    fine = interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return smooth(fine, grid / 32)[:, 0]


PEERS: dict[str, Callable[[Tensor, int], ErrorMaps]] = {"PaDiM": padim, "PatchCore": patchcore}

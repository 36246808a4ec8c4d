"""Trimming: finds train rows that are far from all others, before anything is learned from them.

A row's distance is its mean distance to the nearest tenth of the rows, not to the nearest few: anomalies among the
train rows often come in clusters, whose members are close to each other. Distances of normal rows are roughly
log-normal, so a row is far if its log distance is more than three robust standard deviations above the median.

Source:
    Leys et al., "Detecting outliers: do not use standard deviation around the mean, use absolute deviation around the
    median", 2013.
"""

import torch
from torch import Tensor

from anomaly_ae.networks.nearest import Memory, whitening

_SHARE_OF_NEIGHBOURS = 0.1
_MIN_NEIGHBOURS = 5
_MAX_REFERENCE_ROWS = 4096
"""Rows that distances are computed to; where there are more, this many are drawn."""
_FAR = 3.0
"""Robust standard deviations above the median log distance, from which a row is far."""
_STD_OF_MAD = 1.4826
"""Standard deviation of a normal distribution, in its median absolute deviations."""
MAX_TRIMMED = 0.3
"""Largest share of rows that is trimmed: where more are far from the others, they are a kind of normal."""
_SHRINKAGE = 0.1
BATCH_ROWS = 1024


@torch.inference_mode()
def far_rows(elements: Tensor, seed: int) -> Tensor:
    """Return which rows `(n, d)` are far from the others, booleans `(n,)`.

    Two distances are added, on the elements as they are and whitened, each in units of its mean.
    """
    order = torch.randperm(len(elements), generator=torch.Generator().manual_seed(seed)).to(elements.device)
    own = torch.where(order < _MAX_REFERENCE_ROWS, order, -1)
    distance = torch.zeros(len(elements), device=elements.device)
    for frame in (None, whitening(elements, _SHRINKAGE)):
        in_frame = _distances(elements, own, frame)
        distance += in_frame / in_frame.mean().clamp_min(1e-9)
    logarithm = torch.log(distance + 1e-9)
    median = logarithm.median()
    spread = _STD_OF_MAD * (logarithm - median).abs().median()
    bound = torch.maximum(median + _FAR * spread, torch.quantile(logarithm.double(), 1 - MAX_TRIMMED))
    far: Tensor = logarithm > bound
    return far


def _distances(elements: Tensor, own: Tensor, frame: Tensor | None) -> Tensor:
    """Return each row's mean squared distance to the nearest tenth of the reference rows, itself excluded, `(n,)`."""
    drawn = torch.nonzero(own >= 0).ravel()
    count = max(_MIN_NEIGHBOURS, int(_SHARE_OF_NEIGHBOURS * len(drawn)))
    reference = Memory.of(elements[drawn[own[drawn].argsort()]], count, frame)
    batches = zip(*(torch.split(column, BATCH_ROWS) for column in (elements, own)), strict=True)
    return torch.cat([reference.distances(rows @ reference.frame, place).mean(dim=1) for rows, place in batches])

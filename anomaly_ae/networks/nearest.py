"""A memory of train rows, from which a row is reconstructed by the nearest of them.

The best denoiser of a finite set of rows is an average of those rows, weighted by their distances. A dense network of
fixed size cannot learn it where the data have many modes.

Sources:
    Gong et al., "Memorizing normality to detect anomaly: memory-augmented deep autoencoder", ICCV 2019.
    Ramsauer et al., "Hopfield networks is all you need", ICLR 2021.
"""

import math
from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from anomaly_ae.networks.onednn import linear

GROUP = 64
"""Stored rows in a group, of which only the nearest is compared at first; see `Memory._search`."""
SEARCH_ROWS = 128
"""Rows whose distances to all stored rows are computed at once: few enough to stay in the processor's cache."""


class Memory(nn.Module):
    """Stored rows, in the memory's own frame.

    Args:
        rows: number of stored rows.
        width: number of elements of a row, d.
        neighbours: how many of the nearest stored rows reconstruct a row.

    Attributes:
        frame: symmetric matrix `(d, d)` that takes elements to the frame; the identity, or a whitening.
        stored: the rows in that frame, `(rows, d)`.
    """

    frame: Tensor
    stored: Tensor

    def __init__(self, rows: int, width: int, neighbours: int) -> None:
        super().__init__()
        self.neighbours = max(1, min(neighbours, rows - 1))
        self.register_buffer("frame", torch.eye(width))
        self.register_buffer("stored", torch.zeros(rows, width))

    @classmethod
    def of(cls, rows: Tensor, neighbours: int, frame: Tensor | None = None) -> Self:
        """Return a memory of rows `(m, d)`, in a frame or as they are."""
        memory = cls(len(rows), rows.shape[1], neighbours).to(rows.device)
        if frame is not None:
            memory.frame.copy_(frame)
        memory.stored.copy_(rows @ memory.frame)
        return memory

    def nearest(self, rows: Tensor, own: Tensor | None = None) -> Tensor:
        """Return the indices of the nearest stored rows, `(n, neighbours)`.

        Args:
            rows: in the memory's frame, `(n, d)`.
            own: for a row that is itself stored, its place, which is left out of the search; -1 for other rows.
        """
        return self._search(rows, own)[1]

    def distances(self, rows: Tensor, own: Tensor | None = None) -> Tensor:
        """Return the squared distances to the nearest stored rows, `(n, neighbours)`; arguments as of `nearest`."""
        return (self._search(rows, own)[0] + rows.square().sum(dim=1, keepdim=True)).clamp_min(0)

    def recall(self, rows: Tensor, own: Tensor | None = None) -> Tensor:
        """Return the nearest stored rows of each row, `(neighbours, n, d)`, in the frame; `rows` are in it too."""
        return self.stored[self.nearest(rows, own).T]

    def _search(self, rows: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return squared distances to the nearest stored rows, less the row's own square norm, and the rows' indices.

        The k nearest rows are in the k groups whose nearest rows are nearest. So the many distances are read only once,
        for the smallest of each group, and the slow search for the k smallest is among few.
        """
        own = torch.full((len(rows),), -1, device=rows.device) if own is None else own
        pieces = self._near_groups(rows, own)
        groups, members = (torch.cat(part) for part in zip(*pieces, strict=True))
        values, place = members.flatten(1).topk(self.neighbours, largest=False)
        return values, groups.gather(1, place // GROUP) * GROUP + place % GROUP

    def _near_groups(self, rows: Tensor, own: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield, batch by batch, the groups that hold the nearest rows, and the distances to all rows in them.

        On a GPU there is a single batch.
        """
        few = SEARCH_ROWS if rows.device.type == "cpu" else max(len(rows), 1)
        missing = -len(self.stored) % GROUP
        squares = pad(self.stored.square().sum(dim=1), (0, missing), value=math.inf)
        weight = pad(-2 * self.stored, (0, 0, 0, missing)).T
        for some, itself in zip(torch.split(rows, few), torch.split(own, few), strict=True):
            distance = linear(some, weight, squares)
            known = torch.nonzero(itself >= 0).ravel()
            distance[known, itself[known]] = math.inf
            groups = distance.view(len(some), -1, GROUP)
            count = min(self.neighbours, groups.shape[1])
            nearest = groups.amin(dim=2).topk(count, largest=False).indices
            yield nearest, groups.gather(1, nearest[..., None].expand(-1, -1, GROUP))


def whitening(rows: Tensor, shrinkage: float) -> Tensor:
    """Return the symmetric matrix that whitens rows `(n, d)`: each whitened element stays closest to its own column.

    The covariance is first shrunk towards its mean variance; otherwise directions that hardly vary, or for which there
    are too few rows, would dominate.

    Source:
        Kessy, Lewin and Strimmer, "Optimal whitening and decorrelation", 2018.
    """
    covariance = torch.cov(rows.double().T, correction=0).reshape(rows.shape[1], rows.shape[1])
    mean_variance = covariance.diagonal().mean().clamp_min(1e-12)
    identity = torch.eye(len(covariance), dtype=covariance.dtype, device=rows.device)
    values, vectors = torch.linalg.eigh((1 - shrinkage) * covariance + shrinkage * mean_variance * identity)
    inverse_root = values.clamp_min(1e-9 * values.max()).rsqrt()
    whitener: Tensor = (vectors * inverse_root) @ vectors.T
    return whitener.float()

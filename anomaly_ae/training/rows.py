"""Which rows a training step sees, and with which noise."""

from dataclasses import dataclass

import torch
from torch import Tensor

MAX_JUDGED_ROWS = 4096
"""Rows the early-stopping loss is taken from."""


@dataclass(frozen=True)
class NoiseRange:
    """Noise added to the input rows: per row a standard deviation, log-uniform between two bounds.

    A network trained at many noise levels pulls a row towards the data from near and from far.

    Attributes:
        low: least standard deviation, in units of the elements.
        high: greatest.
    """

    low: float
    high: float

    def corrupt(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return rows `(*, n, d)` with noise."""
        share = torch.rand(*rows.shape[:-1], 1, generator=generator, device=rows.device)
        sigma = self.low * (self.high / self.low) ** share
        return rows + sigma * torch.randn(rows.shape, generator=generator, device=rows.device)


def assign_folds(rows: int, members: int, early_stopping_share: float, seed: int) -> Tensor:
    """Say for each train row which member is not trained on it, `(rows,)`; -1 where all are.

    Several members share the rows out, so that each row is new to one of them; a single one leaves out a share. With
    too few rows for that, nothing is left out.
    """
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    if members > 1:
        return order % members if rows >= 2 * members else torch.full((rows,), -1)
    return torch.where(order < int(rows * early_stopping_share), 0, -1)


def left_out(rows: Tensor, fold: Tensor, members: int) -> Tensor:
    """Return for each member the first rows it is not trained on, equally many, `(members, n, d)`.

    Where nothing is left out, these are the train rows themselves.
    """
    indices = [torch.nonzero(fold == member).ravel() for member in range(members)]
    count = min(MAX_JUDGED_ROWS // members, *(len(one) for one in indices))
    if count == 0:
        return rows[:MAX_JUDGED_ROWS].expand(members, -1, -1)
    return torch.stack([rows[one[:count].to(rows.device)] for one in indices])


class Batches:
    """Draws rows for each member, from those it is trained on.

    Args:
        rows: train rows, `(n, d)`.
        fold: see `assign_folds`.
        members: of the network.
        size: rows a member sees at once; fewer where there are fewer.
    """

    def __init__(self, rows: Tensor, fold: Tensor, members: int, size: int) -> None:
        self.rows = rows
        self.seen = [torch.nonzero(fold != member).ravel().to(rows.device) for member in range(members)]
        self.size = min(size, *(len(indices) for indices in self.seen))

    def draw(self, generator: torch.Generator) -> Tensor:
        """Draw a batch with replacement, `(members, size, d)`."""
        return torch.stack([self.rows[self._draw_one(indices, generator)] for indices in self.seen])

    def _draw_one(self, indices: Tensor, generator: torch.Generator) -> Tensor:
        return indices[torch.randint(len(indices), (self.size,), generator=generator, device=indices.device)]

"""Which rows a training step sees, and which are kept for early stopping."""

import torch
from torch import Tensor

_MAX_EARLY_STOPPING_ROWS = 4096
"""Rows that the early-stopping loss is taken from."""


def assign_folds(rows: int, members: int, early_stopping_share: float, seed: int) -> Tensor:
    """Return for each train row the member that is not trained on it, `(rows,)`; -1 where all are.

    Several members divide the rows among them, so that each row is new to exactly one member; a single member leaves
    out a share. With too few rows for that, nothing is left out.
    """
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    if members > 1:
        return order % members if rows >= 2 * members else torch.full((rows,), -1)
    return torch.where(order < int(rows * early_stopping_share), 0, -1)


def left_out(rows: Tensor, fold: Tensor, members: int) -> Tensor:
    """Return for each member the first rows it is not trained on, the same number for each, `(members, n, d)`.

    Where nothing is left out, these are the train rows themselves.
    """
    indices = [torch.nonzero(fold == member).ravel() for member in range(members)]
    count = min(_MAX_EARLY_STOPPING_ROWS // members, *(len(own) for own in indices))
    if count == 0:
        return rows[:_MAX_EARLY_STOPPING_ROWS].expand(members, -1, -1)
    return torch.stack([rows[own[:count].to(rows.device)] for own in indices])


class Batches:
    """Draws rows for each member from those it is trained on.

    Args:
        rows: train rows, `(n, d)`.
        fold: see `assign_folds`.
        members: of the network.
        size: rows that a member sees in one step; all of them where there are fewer.
    """

    def __init__(self, rows: Tensor, fold: Tensor, members: int, size: int) -> None:
        self.rows = rows
        self.seen = [torch.nonzero(fold != member).ravel().to(rows.device) for member in range(members)]
        self.size = min(size, *(len(indices) for indices in self.seen))

    def draw(self, generator: torch.Generator) -> Tensor:
        """Draw a batch with replacement, `(members, size, d)`."""
        return torch.stack([self.rows[self._draw_indices(indices, generator)] for indices in self.seen])

    def _draw_indices(self, indices: Tensor, generator: torch.Generator) -> Tensor:
        return indices[torch.randint(len(indices), (self.size,), generator=generator, device=indices.device)]

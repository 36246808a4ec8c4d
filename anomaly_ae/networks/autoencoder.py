"""The whole autoencoder of rows: a network, and for some kinds memories beside it, each with its own error."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self, cast

import torch
from torch import Tensor, nn

from anomaly_ae.networks.layers import wide_product
from anomaly_ae.networks.nearest import Memory
from anomaly_ae.networks.reconstructor import MemberExamination, Reconstructor


class Examination(NamedTuple):
    """What an autoencoder makes of n rows.

    Attributes:
        reconstruction: by the network, one pass, the mean of its members, `(n, d)`.
        normal: the rows as they would be if they were normal, `(n, d)`: the mean of the nearest stored train rows where
            there is a memory, else what the network returns after all passes.
        errors: each part's squared error of each element, in the part's own frame, `(parts, n, d)`.
    """

    reconstruction: Tensor
    normal: Tensor
    errors: Tensor


class Autoencoder(nn.Module):
    """A network and the memories beside it: parts that each reconstruct a row in their own way.

    Args:
        network: reconstructs `(members, n, d)`.
        memories: reconstruct a row by the nearest of the train rows that they store; may be empty. The first works in
            the network's frame.

    Attributes:
        frame: matrix `(d, d)` that takes elements to the frame the network works in; the identity, or a whitening.
        back: its inverse.
        low: smallest value of each element among the train rows, in the frame, `(d,)`.
        high: largest.
    """

    frame: Tensor
    back: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, network: Reconstructor, memories: Sequence[Memory] = ()) -> None:
        super().__init__()
        self.network = network
        self.memories = nn.ModuleList(memories)
        self.register_buffer("frame", torch.eye(network.width))
        self.register_buffer("back", torch.eye(network.width))
        self.register_buffer("low", torch.full((network.width,), -torch.inf))
        self.register_buffer("high", torch.full((network.width,), torch.inf))

    @classmethod
    def of(cls, network: Reconstructor, rows: Tensor, frame: Tensor, memories: Sequence[Memory]) -> Self:
        """Return an autoencoder around a network that was trained on `rows @ frame`."""
        whole = cls(network, memories).to(rows.device)
        whole.frame.copy_(frame)
        whole.back.copy_(torch.linalg.inv(frame.cpu().double()))
        framed = rows @ frame
        whole.low.copy_(framed.amin(dim=0))
        whole.high.copy_(framed.amax(dim=0))
        return whole

    def forward(self, rows: Tensor) -> Tensor:
        """Reconstruct rows by the network, one pass, `(n, d) -> (n, d)`: the mean of its members."""
        return wide_product(self._pass(wide_product(rows, self.frame)).mean(dim=0), self.back)

    def examine(self, rows: Tensor, passes: int) -> Examination:
        """Reconstruct rows by every part.

        Args:
            rows: `(n, d)`.
            passes: times that a row passes through the network: one far from the data may need several to return to it.
        """
        framed = wide_product(rows, self.frame)
        once, last = self._examine(framed, passes)
        errors, normal = [last.errors.mean(dim=0)], last.reconstruction.mean(dim=0)
        for index, memory in enumerate(self._memories()):
            in_memory = wide_product(rows, memory.frame)
            recalled = memory.recall(in_memory)
            errors.append((recalled - in_memory).square().mean(dim=0))
            if index == 0:
                normal = recalled.mean(dim=0)
        reconstruction, normal = (wide_product(mean, self.back) for mean in (once.mean(dim=0), normal))
        return Examination(reconstruction, normal, torch.stack(errors))

    def unseen_errors(self, rows: Tensor, fold: Tensor, own: Tensor, passes: int) -> Tensor:
        """Return each part's errors on train rows as if it had not seen them, `(parts, n, d)`.

        Args:
            rows: `(n, d)`.
            fold: the member that was not trained on each row, `(n,)`; -1 where all were.
            own: place of each row in the memories, `(n,)`; -1 where it is not stored.
            passes: see `examine`.
        """
        framed = wide_product(rows, self.frame)
        every = self._examine(framed, passes)[1].errors
        chosen = every[fold.clamp_min(0), torch.arange(len(rows), device=rows.device)]
        errors = [torch.where((fold >= 0)[:, None], chosen, every.mean(dim=0))]
        for memory in self._memories():
            in_memory = wide_product(rows, memory.frame)
            errors.append((memory.recall(in_memory, own) - in_memory).square().mean(dim=0))
        return torch.stack(errors)

    def _pass(self, framed: Tensor) -> Tensor:
        """Reconstruct rows by every member, `(members, n, d)`."""
        members: Tensor = self.network(self._within_range(framed))
        return members

    def _examine(self, framed: Tensor, passes: int) -> tuple[Tensor, MemberExamination]:
        """Return each member's reconstruction after one pass, and its examination in the last of `passes`."""
        fed_back = [framed]
        for _ in range(passes - 1):
            fed_back.append(self._pass(fed_back[-1]))
        last = self.network.examine(self._within_range(fed_back[-1]), framed)
        return [*fed_back, last.reconstruction][1], last

    def _within_range(self, framed: Tensor) -> Tensor:
        """Move rows to the nearest point within the range of the train rows.

        Beyond it a network extrapolates arbitrarily, often as the identity: the farthest rows would look normal.
        """
        return framed.clamp(self.low, self.high)

    def _memories(self) -> Iterator[Memory]:
        return cast("Iterator[Memory]", iter(self.memories))

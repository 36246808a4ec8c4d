"""What training asks of a network: its own noise and its own loss."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class Trainable(nn.Module, ABC):
    """A network that can be trained.

    Attributes:
        width: number of elements of a row, d.
        members: networks of one architecture that are trained side by side, each on rows of its own.
    """

    width: int
    members: int

    def draw_noise(self, rows: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002 - for networks with noise
        """Draw everything that is random in the loss of a batch.

        Processes that train together draw it for the whole batch, so that they agree, and then share it out.

        Args:
            rows: `(members, n, d)`.
            generator: the only source of random numbers.

        Returns:
            A tensor `(members, n, k)`, k being the network's own choice; empty, and nothing drawn, for a network
            without noise.
        """
        return rows.new_empty(*rows.shape[:-1], 0)

    @abstractmethod
    def loss(self, rows: Tensor, noise: Tensor) -> Tensor:
        """Return the loss, a scalar: the mean over members, rows and elements.

        A batch may be shared out by rows, and the losses of its parts are added up by their numbers of rows: so the
        loss must be a mean over rows.

        Args:
            rows: `(members, n, d)`.
            noise: as `draw_noise` returns it, for the same rows.
        """


def initialise(build: Callable[[], ModuleT], seed: int) -> ModuleT:
    """Return the network that `build` makes, in evaluation mode; its initial weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build().eval()

"""Several processes that train one network together: each takes its share of every batch, and gradients are summed.

`torchrun` starts them and gives each its rank. All hold the same rows and draw the same batch and the same noise, so
the result is that of a single process, except for the order in which numbers are added.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed
from torch.nn import Parameter

from anomaly_ae.errors import TrainingError

_MAX_WAIT = timedelta(days=1)
"""For the other processes: longer than any ingest. One that has ended is noticed at once, as its connections close."""
SAME = "all must be given the same spec, the same source and one workspace that they share"


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one training, from the point of view of one of them.

    Attributes:
        rank: of this process, from 0.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the main process, which writes and prints."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """Return this process's rows of a batch, `(members, n, d)`.

        Raises:
            TrainingError: there are fewer rows than processes.
        """
        rows = batch.shape[1]
        if rows < self.size:
            msg = f"a batch of {rows} rows cannot be shared by {self.size} processes: start fewer"
            raise TrainingError(msg)
        return batch.tensor_split(self.size, dim=1)[self.rank]

    def add_up(self, parameters: Iterable[Parameter], loss: Tensor) -> Tensor:
        """Replace each gradient by the sum over all processes; return the sum of their losses.

        Raises:
            TrainingError: another process has ended.
        """
        if self.size == 1:
            return loss
        gradients = [weight.grad for weight in parameters if weight.grad is not None]
        flat = torch.cat([loss.ravel(), *(gradient.ravel() for gradient in gradients)]).cpu()
        with _all_at_work():
            distributed.all_reduce(flat)
        first, *summed = torch.split(flat.to(loss.device), [1, *(gradient.numel() for gradient in gradients)])
        for gradient, of_all in zip(gradients, summed, strict=True):
            gradient.copy_(of_all.view_as(gradient))
        return first.view_as(loss)

    def agree(self, number: float) -> float:
        """Return the main process's number in all processes.

        Raises:
            TrainingError: another process has ended.
        """
        if self.size == 1:
            return number
        told = torch.tensor([number], dtype=torch.float64)
        with _all_at_work():
            distributed.broadcast(told, src=0)
        return told.item()

    def refuse_difference(self, number: float, what: str) -> None:
        """Require the same number in all processes.

        Args:
            number: of this process.
            what: the number stands for, in the message.

        Raises:
            TrainingError: the main process has another one, or another process has ended.
        """
        if self.agree(number) != number:
            msg = f"this process ({self.rank} of {self.size}) has {what} other than the main process's: {SAME}"
            raise TrainingError(msg)

    def wait(self) -> None:
        """Wait until all processes have reached this point.

        Raises:
            TrainingError: another process has ended.
        """
        if self.size > 1:
            with _all_at_work():
                distributed.barrier()

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Let the main process run the block first, then the others, which find what it has made."""
        if not self.is_main:
            self.wait()
        yield
        if self.is_main:
            self.wait()


ALONE = ProcessGroup()
"""A single process."""


@contextmanager
def join() -> Iterator[ProcessGroup]:
    """Join the processes that `torchrun` started together with this one; without it, there is only this one."""
    if not distributed.is_torchelastic_launched():
        yield ALONE
        return
    distributed.init_process_group("gloo", timeout=_MAX_WAIT)
    if torch.cuda.is_available():
        torch.cuda.set_device(distributed.get_node_local_rank(0) % torch.cuda.device_count())
    try:
        yield ProcessGroup(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


@contextmanager
def _all_at_work() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        msg = (
            "another process of this training has ended, and its own message says why; start all of them again: "
            "training resumes from its last checkpoint"
        )
        raise TrainingError(msg) from error

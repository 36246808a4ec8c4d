"""The training loop, with its progress reports, its checkpoints and the processes that share the work."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from anomaly_ae.networks.threads import one_thread
from anomaly_ae.spec import TrainingSpec
from anomaly_ae.training.checkpoints import Checkpoints
from anomaly_ae.training.early_stopping import Check
from anomaly_ae.training.learner import Learner
from anomaly_ae.training.process_group import ALONE, ProcessGroup
from anomaly_ae.training.trainable import Trainable

OnCheck = Callable[[int, float], None]


@dataclass(frozen=True)
class Conduct:
    """How a training is run; the weights do not depend on it, except for the last digits on `group`.

    Attributes:
        on_check: called with the step and the early-stopping loss at every check.
        checkpoints: where the state is saved from time to time, and resumed from.
        group: the processes that share the work.
    """

    on_check: OnCheck | None = None
    checkpoints: Checkpoints | None = None
    group: ProcessGroup = ALONE

    def begin(self, learner: Learner) -> None:
        """Resume from the last checkpoint, if there is one.

        Raises:
            TrainingError: another process of the process group did not find it.
        """
        with self.group.main_first():
            state = self.checkpoints.latest() if self.checkpoints else None
        self.group.refuse_difference(state.facts["step"] if state else 0, "a checkpoint")
        if state:
            learner.restore(state)

    def note(self, check: Check, learner: Learner) -> None:
        """Report a check, and save a checkpoint if one is due."""
        if self.on_check:
            self.on_check(check.step, check.early_stopping_loss)
        if self.checkpoints and self.group.is_main and self.checkpoints.is_due:
            self.checkpoints.save(learner.state())


UNATTENDED = Conduct()
"""No reports, no checkpoints, a single process."""


def select_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" takes the accelerator if there is one."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def train(
    network: Trainable, rows: Tensor, fold: Tensor, spec: TrainingSpec, *, conduct: Conduct = UNATTENDED
) -> list[Check]:
    """Train a network in place and leave in it the weights with the lowest early-stopping loss.

    Args:
        network: brings its noise and its loss; trained on the device that holds its weights.
        rows: train rows, `(n, d)`, on any device.
        fold: see `assign_folds`; early stopping watches each member on the rows it is not trained on.
        spec: steps, optimizer, schedule, early stopping, seed.
        conduct: reports, checkpoints and the processes that share the work.

    Returns:
        The checks, first to last.

    Raises:
        TrainingError: the loss became infinite or NaN, or another process of the process group has ended.
    """
    device = next(network.parameters()).device
    learner = Learner(network, rows.to(device), fold, spec, conduct.group)
    conduct.begin(learner)
    network.train()
    with one_thread():
        while not learner.is_done:
            conduct.note(learner.advance(), learner)
    learner.early_stopping.restore_best()
    network.eval()
    return learner.early_stopping.checks

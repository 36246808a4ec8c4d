"""Early stopping: the loss on rows that training leaves out, the best weights by it, and when to give up."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from anomaly_ae.errors import TrainingError
from anomaly_ae.spec import TrainingSpec
from anomaly_ae.training.process_group import ProcessGroup
from anomaly_ae.training.trainable import Trainable


@dataclass(frozen=True)
class Check:
    """The losses at one check: the mean over the steps since the last one, and that of the early-stopping rows."""

    step: int
    loss: float
    early_stopping_loss: float


class EarlyStopping:
    """Watches the early-stopping loss, keeps the best weights, and raises on a loss that is not finite.

    Args:
        network: in training.
        held_out: early-stopping rows, `(members, n, d)`.
        spec: patience, seed, and the settings that the error message names.
        group: all its processes follow the main process's loss.

    Attributes:
        checks: all checks so far.
        best_weights: of the check with the lowest early-stopping loss.
    """

    def __init__(self, network: Trainable, held_out: Tensor, spec: TrainingSpec, group: ProcessGroup) -> None:
        self.network, self.held_out, self.spec, self.group = network, held_out, spec, group
        # The same noise at every check, so that two checks differ by the weights alone.
        generator = torch.Generator(held_out.device).manual_seed(spec.seed)
        self.noise = network.draw_noise(held_out, generator)
        self.checks: list[Check] = []
        self.best_weights: dict[str, Tensor] = {}

    def check(self, step: int, loss: float) -> Check:
        """Check the weights after a step.

        Args:
            step: updates done.
            loss: mean of the steps since the last check.

        Raises:
            TrainingError: a loss is infinite or NaN.
        """
        check = Check(step, loss, self.group.agree(self._held_out_loss()))
        self._refuse_non_finite(check)
        self.checks.append(check)
        if self._best is check:
            self.best_weights = {name: weight.clone() for name, weight in self.network.state_dict().items()}
        return check

    @property
    def is_stalled(self) -> bool:
        """Whether the loss has not improved for as many checks as the spec's patience."""
        steps = self.checks[-1].step - self._best.step if self.checks else 0
        return steps >= self.spec.patience * self.spec.check_every

    def restore_best(self) -> None:
        """Load the best weights into the network."""
        if self.best_weights:
            self.network.load_state_dict(self.best_weights)

    @property
    def _best(self) -> Check:
        return min(self.checks, key=lambda check: check.early_stopping_loss)

    def _held_out_loss(self) -> float:
        self.network.eval()
        with torch.inference_mode():
            loss = self.network.loss(self.held_out, self.noise).item()
        self.network.train()
        return loss

    def _refuse_non_finite(self, check: Check) -> None:
        if math.isfinite(check.loss) and math.isfinite(check.early_stopping_loss):
            return
        largest = self.held_out.abs().max().item()
        msg = (
            f"the loss is {check.loss} at step {check.step}: the updates diverged. training.learning_rate is "
            f"{self.spec.learning_rate:g} ({self.spec.optimizer}); try a tenth of it. "
            f"The largest standardised element is {largest:.3g}."
        )
        raise TrainingError(msg)

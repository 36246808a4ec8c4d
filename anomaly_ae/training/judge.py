"""The early-stopping loss: what of the weights is kept, when to stop, and when training has failed."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from anomaly_ae.errors import TrainingError
from anomaly_ae.spec import TrainingSpec
from anomaly_ae.training.process_group import ProcessGroup
from anomaly_ae.training.rows import NoiseRange


@dataclass(frozen=True)
class Check:
    """One look at training: mean loss of the steps since the last look, and loss on the early-stopping rows."""

    step: int
    loss: float
    early_stopping_loss: float


class Judge:
    """Watches the early-stopping loss, remembers the best weights, and refuses a loss that is not finite.

    Args:
        network: what is trained.
        held_out: early-stopping rows, `(members, n, d)`.
        noise: what is added to them.
        spec: patience, seed, and what the refusal names.
        group: goes by what its first process sees.

    Attributes:
        checks: all looks so far.
        best_weights: of the check with the least early-stopping loss.
    """

    def __init__(
        self, network: nn.Module, held_out: Tensor, noise: NoiseRange | None, spec: TrainingSpec, group: ProcessGroup
    ) -> None:
        self.network, self.spec, self.group, self.clean = network, spec, group, held_out
        # The same noise at every check, so that two checks differ by the weights alone.
        generator = torch.Generator(held_out.device).manual_seed(spec.seed)
        self.noisy = noise.corrupt(self.clean, generator) if noise else self.clean
        self.checks: list[Check] = []
        self.best_weights: dict[str, Tensor] = {}

    def check(self, step: int, loss: float) -> Check:
        """Look at the weights after a step.

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
    def stalled(self) -> bool:
        """Whether the last checks, as many as the spec's patience, were no better."""
        steps = self.checks[-1].step - self._best.step if self.checks else 0
        return steps >= self.spec.patience * self.spec.check_every

    def restore_best(self) -> None:
        """Give the network its best weights back."""
        if self.best_weights:
            self.network.load_state_dict(self.best_weights)

    @property
    def _best(self) -> Check:
        return min(self.checks, key=lambda check: check.early_stopping_loss)

    def _held_out_loss(self) -> float:
        self.network.eval()
        with torch.inference_mode():
            loss = mse_loss(self.network(self.noisy), self.clean).item()
        self.network.train()
        return loss

    def _refuse_non_finite(self, check: Check) -> None:
        if math.isfinite(check.loss) and math.isfinite(check.early_stopping_loss):
            return
        largest = self.clean.abs().max().item()
        msg = (
            f"the loss is {check.loss} at step {check.step}: the updates diverged. training.learning_rate is "
            f"{self.spec.learning_rate:g} ({self.spec.optimizer}); try a tenth of it. "
            f"The largest standardised element is {largest:.3g}."
        )
        raise TrainingError(msg)

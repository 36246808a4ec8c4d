"""The one training loop: an autoencoder learns to return clean rows, from the rows themselves or from noisy ones."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from anomaly_ae.errors import TrainingError
from anomaly_ae.networks.convolutional import ConvolutionalAutoencoder
from anomaly_ae.networks.dense import DenseNetwork
from anomaly_ae.spec import TrainingSpec
from anomaly_ae.threads import one_thread

OnCheck = Callable[[int, float], None]
Trainable = DenseNetwork | ConvolutionalAutoencoder
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


@dataclass(frozen=True)
class Check:
    """One look at training: mean loss of the steps since the last look, and loss on the early-stopping rows."""

    step: int
    loss: float
    early_stopping_loss: float


def select_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" takes the accelerator if there is one."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def assign_folds(rows: int, members: int, early_stopping_share: float, seed: int) -> Tensor:
    """Say for each train row which member is not trained on it, `(rows,)`; -1 where all are.

    Several members share the rows out, so that each row is new to one of them; a single one leaves out a share. With
    too few rows for that, nothing is left out.
    """
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    if members > 1:
        return order % members if rows >= 2 * members else torch.full((rows,), -1)
    return torch.where(order < int(rows * early_stopping_share), 0, -1)


def train(
    network: Trainable,
    rows: Tensor,
    fold: Tensor,
    spec: TrainingSpec,
    *,
    noise: NoiseRange | None = None,
    on_check: OnCheck | None = None,
) -> list[Check]:
    """Train a network in place and leave in it the weights with the least early-stopping loss.

    Args:
        network: reconstructs `(members, n, d)`; trained where its weights are.
        rows: train rows, `(n, d)`, on any device.
        fold: see `assign_folds`; early stopping watches each member on the rows it is not trained on.
        spec: steps, optimizer, schedule, early stopping, seed.
        noise: what is added to the input rows; None feeds them clean.
        on_check: called with the step and the early-stopping loss at every check.

    Returns:
        The checks, first to last.

    Raises:
        TrainingError: the loss became infinite or NaN.
    """
    device = next(network.parameters()).device
    rows = rows.to(device)
    generator = torch.Generator(device).manual_seed(spec.seed)
    optimizer, schedule = _optimizer(network, spec)
    judge = _Judge(network, _left_out(rows, fold, network.members), noise, spec)
    seen = [torch.nonzero(fold != member).ravel().to(device) for member in range(network.members)]
    size = min(spec.batch_size, *(len(indices) for indices in seen))
    losses: list[Tensor] = []
    network.train()
    with one_thread():
        for step in range(1, spec.steps + 1):
            batch = torch.stack([rows[_draw(indices, size, generator)] for indices in seen])
            losses.append(_step(network, batch, noise, generator, optimizer))
            schedule.step()
            if step % spec.check_every == 0 or step == spec.steps:
                check = judge.check(step, torch.stack(losses).mean().item())
                losses.clear()
                if on_check:
                    on_check(step, check.early_stopping_loss)
                if judge.stalled:
                    break
    judge.restore_best()
    network.eval()
    return judge.checks


def _step(
    network: Trainable,
    clean: Tensor,
    noise: NoiseRange | None,
    generator: torch.Generator,
    optimizer: torch.optim.Optimizer,
) -> Tensor:
    """Update the weights once; return the loss, averaged over members."""
    loss = mse_loss(network(noise.corrupt(clean, generator) if noise else clean), clean)
    optimizer.zero_grad(set_to_none=True)
    # Each member's own loss, summed: one member's steps do not depend on how many others there are.
    (loss * len(clean)).backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
    optimizer.step()
    return loss.detach()


def _left_out(rows: Tensor, fold: Tensor, members: int) -> Tensor:
    """Return for each member the first rows it is not trained on, equally many, `(members, n, d)`.

    Where nothing is left out, these are the train rows themselves.
    """
    indices = [torch.nonzero(fold == member).ravel() for member in range(members)]
    count = min(MAX_JUDGED_ROWS // members, *(len(one) for one in indices))
    if count == 0:
        return rows[:MAX_JUDGED_ROWS].expand(members, -1, -1)
    return torch.stack([rows[one[:count].to(rows.device)] for one in indices])


def _draw(indices: Tensor, size: int, generator: torch.Generator) -> Tensor:
    return indices[torch.randint(len(indices), (size,), generator=generator, device=indices.device)]


def _optimizer(
    network: nn.Module, spec: TrainingSpec
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    rate, decay = spec.learning_rate, spec.weight_decay
    optimizer: torch.optim.Optimizer
    if spec.optimizer == "sgd":
        optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=spec.momentum, weight_decay=decay)
    else:
        optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
    if spec.schedule == "constant":
        return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    # The schedule would cycle the momentum too; that of sgd is the user's.
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=rate, total_steps=max(spec.steps, 1), cycle_momentum=spec.optimizer != "sgd"
    )
    return optimizer, cycle


class _Judge:
    """Watches the early-stopping loss, remembers the best weights, and refuses a loss that is not finite."""

    def __init__(self, network: nn.Module, held_out: Tensor, noise: NoiseRange | None, spec: TrainingSpec) -> None:
        self.network, self.spec, self.clean = network, spec, held_out
        # The same noise at every check, so that two checks differ by the weights alone.
        generator = torch.Generator(held_out.device).manual_seed(spec.seed)
        self.noisy = noise.corrupt(self.clean, generator) if noise else self.clean
        self.checks: list[Check] = []
        self.best = float("inf")
        self.best_step = 0
        self.best_weights: dict[str, Tensor] = {}

    def check(self, step: int, loss: float) -> Check:
        self.network.eval()
        with torch.inference_mode():
            held_out_loss = mse_loss(self.network(self.noisy), self.clean).item()
        self.network.train()
        check = Check(step, loss, held_out_loss)
        self._refuse_non_finite(check)
        self.checks.append(check)
        if held_out_loss < self.best:
            self.best, self.best_step = held_out_loss, step
            self.best_weights = {name: weight.clone() for name, weight in self.network.state_dict().items()}
        return check

    @property
    def stalled(self) -> bool:
        return self.checks[-1].step - self.best_step >= self.spec.patience * self.spec.check_every

    def restore_best(self) -> None:
        if self.best_weights:
            self.network.load_state_dict(self.best_weights)

    def _refuse_non_finite(self, check: Check) -> None:
        if torch.isfinite(torch.tensor([check.loss, check.early_stopping_loss])).all():
            return
        largest = self.clean.abs().max().item()
        msg = (
            f"the loss is {check.loss} at step {check.step}: the updates diverged. training.learning_rate is "
            f"{self.spec.learning_rate:g} ({self.spec.optimizer}); try a tenth of it. "
            f"The largest standardised element is {largest:.3g}."
        )
        raise TrainingError(msg)

"""What training carries from one step to the next: weights, optimizer, schedule, random numbers, and its judge."""

from dataclasses import asdict

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from anomaly_ae.networks.convolutional import ConvolutionalAutoencoder
from anomaly_ae.networks.dense import DenseNetwork
from anomaly_ae.spec import TrainingSpec
from anomaly_ae.training.checkpoints import State
from anomaly_ae.training.judge import Check, Judge
from anomaly_ae.training.process_group import ALONE, ProcessGroup
from anomaly_ae.training.rows import Batches, NoiseRange, left_out

Trainable = DenseNetwork | ConvolutionalAutoencoder


class Learner:
    """A network in training.

    Args:
        network: reconstructs `(members, n, d)`.
        rows: train rows, `(n, d)`, on the network's device.
        fold: see `assign_folds`.
        spec: steps, optimizer, schedule, early stopping, seed.
        noise: what is added to the input rows; None feeds them clean.
        group: shares the work.

    Attributes:
        step: updates done.
        judge: says when to stop, and keeps the best weights.
    """

    def __init__(
        self,
        network: Trainable,
        rows: Tensor,
        fold: Tensor,
        spec: TrainingSpec,
        *,
        noise: NoiseRange | None = None,
        group: ProcessGroup = ALONE,
    ) -> None:
        self.network, self.noise, self.spec, self.group = network, noise, spec, group
        self.batches = Batches(rows, fold, network.members, spec.batch_size)
        self.generator = torch.Generator(rows.device).manual_seed(spec.seed)
        self.optimizer, self.schedule = _optimizer(network, spec)
        self.judge = Judge(network, left_out(rows, fold, network.members), noise, spec, group)
        self.step = 0

    @property
    def is_done(self) -> bool:
        """Whether all steps are done, or the last ones brought nothing."""
        return self.step >= self.spec.steps or self.judge.stalled

    def advance(self) -> Check:
        """Train up to the next check.

        Raises:
            TrainingError: the loss became infinite or NaN, or another process of the process group has ended.
        """
        left = self.spec.check_every - self.step % self.spec.check_every
        losses = [self._update() for _ in range(min(left, self.spec.steps - self.step))]
        self.step += len(losses)
        return self.judge.check(self.step, torch.stack(losses).mean().item())

    def state(self) -> State:
        """Return everything that what is learned from here on depends on."""
        tensors = {"generator": self.generator.get_state()}
        tensors |= {f"network.{name}": weight for name, weight in self.network.state_dict().items()}
        tensors |= {f"best.{name}": weight for name, weight in self.judge.best_weights.items()}
        optimizer = self.optimizer.state_dict()
        for index, moments in optimizer["state"].items():
            tensors |= {f"optimizer.{index}.{name}": one for name, one in moments.items() if one is not None}
        facts = {
            "step": self.step,
            "checks": [asdict(check) for check in self.judge.checks],
            "groups": optimizer["param_groups"],
            "schedule": self.schedule.state_dict(),
        }
        return State(tensors, facts)

    def restore(self, state: State) -> None:
        """Go on from where `state` was taken."""
        self.step = state.facts["step"]
        self.generator.set_state(state.tensors["generator"])
        self.network.load_state_dict(state.below("network"))
        self.judge.best_weights = state.below("best")
        self.judge.checks = [Check(**check) for check in state.facts["checks"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for key, moment in state.below("optimizer").items():
            index, name = key.split(".")
            moments.setdefault(int(index), {})[name] = moment
        self.optimizer.load_state_dict({"state": moments, "param_groups": state.facts["groups"]})
        self.schedule.load_state_dict(state.facts["schedule"])

    def _update(self) -> Tensor:
        """Update the weights once; return the loss, averaged over members."""
        batch = self.batches.draw(self.generator)
        noisy = self.noise.corrupt(batch, self.generator) if self.noise else batch
        clean = self.group.share(batch)
        # The mean over the batch is the sum over processes of their means, each by its share of the rows.
        loss = mse_loss(self.network(self.group.share(noisy)), clean) * (clean.numel() / batch.numel())
        self.optimizer.zero_grad(set_to_none=True)
        # Each member's own loss, summed: one member's steps do not depend on how many others there are.
        (loss * len(clean)).backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        loss = self.group.add_up(self.network.parameters(), loss.detach())
        self.optimizer.step()
        self.schedule.step()
        return loss


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

"""The state of a training run: weights, optimizer, schedule, random numbers and early stopping."""

from dataclasses import asdict

import torch
from torch import Tensor, nn

from anomaly_ae.spec import TrainingSpec
from anomaly_ae.training.checkpoints import State
from anomaly_ae.training.early_stopping import Check, EarlyStopping
from anomaly_ae.training.process_group import ALONE, ProcessGroup
from anomaly_ae.training.rows import Batches, left_out
from anomaly_ae.training.trainable import Trainable


class Learner:
    """A network in training.

    Args:
        network: brings its noise and its loss.
        rows: train rows, `(n, d)`, on the network's device.
        fold: see `assign_folds`.
        spec: steps, optimizer, schedule, early stopping, seed.
        group: the processes that share each batch.

    Attributes:
        step: updates done.
        early_stopping: decides when to stop, and keeps the best weights.
    """

    def __init__(
        self, network: Trainable, rows: Tensor, fold: Tensor, spec: TrainingSpec, group: ProcessGroup = ALONE
    ) -> None:
        self.network, self.spec, self.group = network, spec, group
        self.batches = Batches(rows, fold, network.members, spec.batch_size)
        self.generator = torch.Generator(rows.device).manual_seed(spec.seed)
        self.optimizer, self.schedule = _optimizer(network, spec)
        self.early_stopping = EarlyStopping(network, left_out(rows, fold, network.members), spec, group)
        self.step = 0

    @property
    def is_done(self) -> bool:
        """Whether all steps are done, or early stopping ends training."""
        return self.step >= self.spec.steps or self.early_stopping.is_stalled

    def advance(self) -> Check:
        """Train up to the next check.

        Raises:
            TrainingError: the loss became infinite or NaN, or another process of the process group has ended.
        """
        left = self.spec.check_every - self.step % self.spec.check_every
        losses = [self._update() for _ in range(min(left, self.spec.steps - self.step))]
        self.step += len(losses)
        return self.early_stopping.check(self.step, torch.stack(losses).mean().item())

    def state(self) -> State:
        """Return everything that the rest of the training depends on."""
        tensors = {"generator": self.generator.get_state()}
        tensors |= {f"network.{name}": weight for name, weight in self.network.state_dict().items()}
        tensors |= {f"best.{name}": weight for name, weight in self.early_stopping.best_weights.items()}
        optimizer = self.optimizer.state_dict()
        for index, moments in optimizer["state"].items():
            tensors |= {f"optimizer.{index}.{name}": moment for name, moment in moments.items() if moment is not None}
        facts = {
            "step": self.step,
            "checks": [asdict(check) for check in self.early_stopping.checks],
            "groups": optimizer["param_groups"],
            "schedule": self.schedule.state_dict(),
        }
        return State(tensors, facts)

    def restore(self, state: State) -> None:
        """Continue from where `state` was taken."""
        self.step = state.facts["step"]
        self.generator.set_state(state.tensors["generator"])
        self.network.load_state_dict(state.below("network"))
        self.early_stopping.best_weights = state.below("best")
        self.early_stopping.checks = [Check(**check) for check in state.facts["checks"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for key, moment in state.below("optimizer").items():
            index, name = key.split(".")
            moments.setdefault(int(index), {})[name] = moment
        self.optimizer.load_state_dict({"state": moments, "param_groups": state.facts["groups"]})
        self.schedule.load_state_dict(state.facts["schedule"])

    def _update(self) -> Tensor:
        """Update the weights once; return the loss, averaged over members."""
        batch = self.batches.draw(self.generator)
        noise = self.network.draw_noise(batch, self.generator)
        rows = self.group.share(batch)
        # The mean over the batch is the sum over the processes of their means, each weighted by its share of the rows.
        loss = self.network.loss(rows, self.group.share(noise)) * (rows.numel() / batch.numel())
        self.optimizer.zero_grad(set_to_none=True)
        # The sum of the members' losses, not their mean: a member's steps do not depend on how many others there are.
        (loss * len(rows)).backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
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

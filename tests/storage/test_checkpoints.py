"""Checkpoints of a training whose workspace is on an object store."""

from pathlib import Path

import pytest
import torch

from anomaly_ae.training import Checkpoints
from anomaly_ae.training.checkpoints import State
from anomaly_ae.workspace.workspace import Workspace


def test_a_checkpoint_comes_back(bucket: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What one process put down is what the next one takes up, the last alone; cleared, it is gone."""
    weights, directory = torch.randn(5, 3), Workspace(bucket / "ws").training_directory("v1")
    before = Checkpoints(directory, "v1", 0)
    for step in (50, 100):
        before.save(State({"network.weight": weights + step}, {"step": step}))

    after = Checkpoints(Workspace.open(str(bucket / "ws")).training_directory("v1"), "v1", 0)
    state = after.latest()

    assert state is not None
    assert torch.equal(state.below("network")["weight"], weights + 100)
    assert after.resumed_from == 100
    assert [path.name for path in directory.glob("*")] == ["000000100"]
    after.clear()
    assert Checkpoints(directory, "v1", 0).latest() is None
    assert not caplog.records

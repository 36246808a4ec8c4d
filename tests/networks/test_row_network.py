"""Fitting on rows: how the parts are weighed in the score."""

import numpy as np
import pytest
import torch

from anomaly_ae.networks import row_network
from anomaly_ae.networks.memory import MemoryNetwork
from anomaly_ae.spec import ScoringSpec, TrainingSpec


def fit_weight_of(rows: torch.Tensor) -> np.ndarray:
    """Fit a small network with its memories and return the weights of their errors."""
    network = MemoryNetwork(hidden=(8,), rows=64)
    return network.fit(rows, TrainingSpec(steps=20, device="cpu"), ScoringSpec(whiten=True)).weight


def test_parts_are_weighed_by_a_sample_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample gives nearly the weights that all rows give; where rows are no more than that, it is all of them."""
    rows = torch.randn(4_000, 5, generator=torch.Generator().manual_seed(0)).cumsum(dim=1)
    rows = rows[rows[:, 0].argsort()]  # in an order that the first rows do not stand for
    of_all = fit_weight_of(rows)
    monkeypatch.setattr(row_network, "MAX_WEIGHED_ROWS", 4_000)
    np.testing.assert_array_equal(fit_weight_of(rows), of_all)
    monkeypatch.setattr(row_network, "MAX_WEIGHED_ROWS", 1_000)
    of_some = fit_weight_of(rows)
    assert not np.array_equal(of_some, of_all)
    np.testing.assert_allclose(of_some, of_all, rtol=0.15)

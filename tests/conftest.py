"""A small table of every kind of column, and a detector fitted on it; both are made once and never changed."""

import numpy as np
import pandas as pd
import pytest
from inspection_support import Inspection, inspect
from object_store_support import _reachable, bucket, endpoint, shared_bucket

from anomaly_ae.estimators.tabular import TabularAutoencoder

__all__ = ["_reachable", "bucket", "endpoint", "shared_bucket"]
"""Fixtures that are made elsewhere."""


@pytest.fixture(scope="session")
def mixed() -> pd.DataFrame:
    """Return normal rows with a number, a linked number with missing cells, a category, a truth value and a moment."""
    rng = np.random.default_rng(0)
    rows = 400
    load = rng.normal(50, 10, rows)
    return pd.DataFrame(
        {
            "load": load,
            "heat": np.where(rng.random(rows) < 0.1, np.nan, 2 * load + rng.normal(0, 1, rows)),
            "line": rng.choice(["north", "south"], rows),
            "new": rng.random(rows) < 0.3,
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 60 * 86_400, rows), unit="s"),
        }
    )


@pytest.fixture(scope="session")
def fitted(mixed: pd.DataFrame) -> TabularAutoencoder:
    """Return a detector fitted on the mixed table."""
    return TabularAutoencoder(hidden=(16,), steps=50, target_fpr=0.05, device="cpu", random_state=0).fit(mixed)


@pytest.fixture(scope="session")
def inspection(tmp_path_factory: pytest.TempPathFactory) -> Inspection:
    """Return a run of the whole pipeline on small pictures."""
    return inspect(tmp_path_factory.mktemp("inspection"))

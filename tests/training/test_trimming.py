"""Trimming: planted rows are found, clean rows are kept, and what was trimmed is told."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tests_support import run_cli, write_table

from anomaly_ae.estimators.tabular import TabularAutoencoder
from anomaly_ae.training.trimming import MAX_TRIMMED, far_rows


def plant(share: float, seed: int = 0, rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of which the last are a far cluster, and which ones these are."""
    rng = np.random.default_rng(seed)
    planted = np.arange(rows) >= round((1 - share) * rows)
    X = rng.normal(size=(rows, 6))
    X[planted] = 8 + 0.1 * X[planted]
    return X, planted


def test_a_planted_cluster_is_found() -> None:
    """Rows that vouch for each other are found all the same: nine tenths of them at least."""
    X, planted = plant(0.05)
    far = far_rows(torch.from_numpy(X).float(), 0).numpy()
    assert far[planted].mean() >= 0.9
    assert far[~planted].mean() <= 0.01


def test_clean_rows_are_kept() -> None:
    """Of normal rows less than one in fifty is trimmed, at any seed."""
    shares = [far_rows(torch.from_numpy(plant(0, seed)[0]).float(), seed).float().mean() for seed in range(5)]
    assert max(shares) < 0.02


def test_rows_that_are_mostly_equal_are_not_all_trimmed() -> None:
    """Where the median distance is nothing, the trimmed share keeps its bound."""
    X = torch.zeros(100, 3)
    X[60:] = torch.randn(40, 3)
    assert far_rows(X, 0).float().mean() <= MAX_TRIMMED


def test_detector_names_trimmed_rows(tmp_path: Path) -> None:
    """`trimmed_` holds indices of the rows given to `fit`, and the saved version tells of them."""
    X, planted = plant(0.05)
    detector = TabularAutoencoder(robust=True, steps=20, hidden=(8,), target_fpr=0.05, random_state=0).fit(X)
    assert len(detector.trimmed_)
    assert planted[detector.trimmed_].all()
    detector.save(tmp_path / "version")
    assert f"{len(detector.trimmed_)} train rows lie far" in (tmp_path / "version" / "card.md").read_text()
    assert len(TabularAutoencoder.load(tmp_path / "version").trimmed_) == len(detector.trimmed_)


def test_without_robust_nothing_is_trimmed() -> None:
    """Rows are only left out where that was asked for."""
    detector = TabularAutoencoder(steps=5, hidden=(8,), target_fpr=0.05, random_state=0).fit(plant(0.05)[0])
    assert len(detector.trimmed_) == 0


def test_pipeline_names_trimmed_rows_by_their_ids(tmp_path: Path) -> None:
    """The model version lists the row ids, and counts them among its rows."""
    write_table(tmp_path / "parts.csv")
    frame = pd.read_csv(tmp_path / "parts.csv")
    frame.loc[1, ["load", "heat"]] = [9000.0, -9000.0]
    frame.loc[2, ["load", "heat"]] = [-9000.0, 9000.0]
    frame.to_csv(tmp_path / "parts.csv", index=False)
    run_cli("init", "parts.csv", "--spec", "spec.yaml", cwd=tmp_path)
    settings = ["training.robust=true", "training.steps=20", "threshold.target_fpr=0.05"]
    sets = [word for setting in settings for word in ("--set", setting)]
    run_cli("run", "--spec", "spec.yaml", *sets, cwd=tmp_path)
    about = json.loads(next(tmp_path.glob("**/model.json")).read_text())
    assert len(about["trimmed"]) == about["split"]["train_rows_trimmed"]

"""The one-class protocol: the train rows, the test rows, and the metrics.

After Livernoche et al., 'On Diffusion Modeling for Anomaly Detection' (ICLR 2024): half of the normal rows are for
training, the other half and all anomalies for testing. Here the normal rows are permuted, and small sets are not
resampled. The rows are a pure function of the file and the seed, so every method is evaluated on the same rows.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

MAX_ROWS = 50_000
"""Larger sets are sampled down to this many rows."""


@dataclass(frozen=True)
class Rows:
    """The data of one fit: normal rows to train on, and labelled rows (1 = anomaly) to score.

    `X_train` and `X_test` are arrays or data frames.
    """

    X_train: Any
    X_test: Any
    y_test: np.ndarray


def one_class_rows(X: Any, y: np.ndarray, seed: int) -> Rows:
    """Split the rows of an array or a data frame: half of the normal rows for training, all others for testing."""
    rng = np.random.default_rng(seed)
    chosen = np.arange(len(y))
    if len(y) > MAX_ROWS:
        chosen = np.sort(rng.choice(len(y), MAX_ROWS, replace=False))
    labels = y[chosen]
    normal = rng.permutation(np.flatnonzero(labels == 0))
    half = round(0.5 * len(normal))
    train, test = normal[:half], np.concatenate([normal[half:], np.flatnonzero(labels == 1)])
    return Rows(_take(X, chosen[train]), _take(X, chosen[test]), labels[test])


def _take(X: Any, rows: np.ndarray) -> Any:
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def npz_rows(path: Path, seed: int) -> Rows:
    """Read an ADBench file (`X`, `y` with 1 = anomaly) and split its rows."""
    with np.load(path) as file:
        return one_class_rows(file["X"].astype(np.float64), file["y"].astype(int).ravel(), seed)


def standardise(rows: Rows) -> Rows:
    """Standardise with the statistics of the train rows, for methods that do not scale their input."""
    scaler = StandardScaler().fit(rows.X_train)
    return Rows(scaler.transform(rows.X_train), scaler.transform(rows.X_test), rows.y_test)


def measure(scores: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return ROC AUC, average precision, and F1 at the true anomaly count, of scores (higher = more anomalous).

    Raises:
        ValueError: a score is not finite; such rows must not count as normal.
    """
    if not np.isfinite(scores).all():
        msg = f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are not finite"
        raise ValueError(msg)
    count = int(y.sum())
    flagged = np.argsort(-scores, kind="stable")[:count]
    return {
        "auroc": float(roc_auc_score(y, scores)),
        "auprc": float(average_precision_score(y, scores)),
        # As many rows are flagged as there are anomalies, so precision, recall and F1 are equal.
        "f1": float(y[flagged].mean()),
    }

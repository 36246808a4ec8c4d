"""Baselines: methods without a network, applied to the autoencoder's input elements so that only the method differs."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import median_abs_deviation
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

Elements: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]

_VARIANCE_KEPT = 0.9
"""Share of the variance that the kept components explain."""


def _score_by_pca(train: Elements, rows: Elements) -> Floats:
    """Score rows by their reconstruction error from the principal components of the train rows.

    Args:
        train: `(n, d)`.
        rows: `(m, d)`.
    """
    pca = PCA(svd_solver="full").fit(train.astype(np.float64))
    kept = int(np.searchsorted(np.cumsum(pca.explained_variance_ratio_), _VARIANCE_KEPT)) + 1
    kept = min(kept, train.shape[1] - 1)
    centred = rows - pca.mean_
    explained = centred @ pca.components_[:kept].T
    error: Floats = (centred**2).sum(axis=1) - (explained**2).sum(axis=1)
    return np.maximum(error, 0.0)


def _score_by_robust_z(train: Elements, rows: Elements) -> Floats:
    """Score rows by their most extreme element, in median absolute deviations from the median.

    If more than half of an element's values are equal, its standard deviation is used instead.

    Args:
        train: `(n, d)`.
        rows: `(m, d)`.
    """
    doubles = train.astype(np.float64)
    robust: Floats = np.asarray(median_abs_deviation(doubles, axis=0, scale="normal"))
    spread = np.where(robust > 0, robust, doubles.std(axis=0))
    extremes: Floats = (np.abs(rows - np.median(doubles, axis=0)) / np.where(spread > 0, spread, 1.0)).max(axis=1)
    return extremes


def _score_by_isolation_forest(train: Elements, rows: Elements) -> Floats:
    """Score rows by how few random cuts isolate them from the train rows (Liu, Ting and Zhou, 2008).

    Args:
        train: `(n, d)`.
        rows: `(m, d)`.
    """
    scores: Floats = -IsolationForest(random_state=0).fit(train).score_samples(rows)
    return scores


BASELINES: dict[str, Callable[[Elements, Elements], Floats]] = {
    "PCA reconstruction": _score_by_pca,
    "robust z-score": _score_by_robust_z,
    "isolation forest": _score_by_isolation_forest,
}
"""Each method takes `(n, d)` train rows and `(m, d)` rows, and returns `(m,)` scores."""

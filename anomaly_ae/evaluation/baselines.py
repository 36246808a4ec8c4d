"""Baselines: methods that need no network, on the elements the autoencoder reads, so that only the method differs."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import median_abs_deviation
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

Elements: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]

VARIANCE_KEPT = 0.9
"""By the components that reconstruct; the error is the rest."""


def score_by_pca(train: Elements, rows: Elements) -> Floats:
    """Score rows by what the train rows' main components cannot reconstruct.

    Args:
        train: `(n, d)`.
        rows: `(m, d)`.
    """
    pca = PCA(svd_solver="full").fit(train.astype(np.float64))
    kept = int(np.searchsorted(np.cumsum(pca.explained_variance_ratio_), VARIANCE_KEPT)) + 1
    kept = min(kept, train.shape[1] - 1)
    centred = rows - pca.mean_
    explained = centred @ pca.components_[:kept].T
    error: Floats = (centred**2).sum(axis=1) - (explained**2).sum(axis=1)
    return np.maximum(error, 0.0)


def score_by_robust_z(train: Elements, rows: Elements) -> Floats:
    """Score rows by their most extreme element, in median absolute deviations from the median.

    Where more than half of an element's values are equal, its standard deviation takes their place.

    Args:
        train: `(n, d)`.
        rows: `(m, d)`.
    """
    wide = train.astype(np.float64)
    robust: Floats = np.asarray(median_abs_deviation(wide, axis=0, scale="normal"))
    spread = np.where(robust > 0, robust, wide.std(axis=0))
    extremes: Floats = (np.abs(rows - np.median(wide, axis=0)) / np.where(spread > 0, spread, 1.0)).max(axis=1)
    return extremes


def score_by_isolation_forest(train: Elements, rows: Elements) -> Floats:
    """Score rows by how few cuts at random tell them from the train rows (Liu, Ting and Zhou, 2008).

    Args:
        train: `(n, d)`.
        rows: `(m, d)`.
    """
    scores: Floats = -IsolationForest(random_state=0).fit(train).score_samples(rows)
    return scores


BASELINES: dict[str, Callable[[Elements, Elements], Floats]] = {
    "PCA reconstruction": score_by_pca,
    "robust z-score": score_by_robust_z,
    "isolation forest": score_by_isolation_forest,
}
"""One line a method; each scores `(m, d)` rows after `(n, d)` train rows."""

"""Many columns, few rows: our detector and a Gaussian with a shrunk full covariance, on simulated rows.

    python benchmarks/few_rows.py --seeds 0,1,2

Rows are generated from a few latent factors plus noise of a different size per column. Anomalies have different
loadings for some factors (`links`) or inflated factors (`scale`); in neither case does a single column look unusual.
Our detector holds out a tenth of the rows for its threshold; for the gap, the Gaussian is fitted on the other nine
tenths too, and for the last column on all rows.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from peers import OURS, find_method
from protocol import Rows
from sklearn.metrics import roc_auc_score

Kind = Literal["links", "scale"]
SHAPES = ((300, 500), (60, 1500))
"""Train rows and columns."""
TESTED = 200
"""Number of normal and of anomalous test rows."""
LEARNED = 0.9
"""Share of the rows that our detector is trained on."""


@dataclass(frozen=True)
class Comparison:
    """AUROC of both methods, and the 95% interval of the gap from a paired bootstrap of the test rows."""

    ours: float
    gaussian: float
    gaussian_of_all_rows: float
    low: float
    high: float

    @property
    def gap(self) -> float:
        """Lead of our detector."""
        return self.ours - self.gaussian


def make_rows(rows: int, columns: int, kind: Kind, seed: int) -> Rows:
    """Draw train rows, and as many normal as anomalous test rows."""
    rng = np.random.default_rng([seed, columns])
    decay = np.exp(-np.arange(30) / 10)[:, None]
    loadings = rng.normal(size=(30, columns)) * decay
    noise = 0.1 * np.exp(0.5 * rng.normal(size=columns))
    changed = loadings * 1.3
    if kind == "links":
        changed = np.vstack([loadings[:20], rng.normal(size=(10, columns)) * decay[20:]])
    train, normal = (_draw(rng, count, loadings, noise) for count in (rows, TESTED))
    anomalies = _draw(rng, TESTED, changed, noise)
    return Rows(train, np.vstack([normal, anomalies]), np.repeat([0, 1], TESTED))


def _draw(rng: np.random.Generator, count: int, loadings: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return rng.normal(size=(count, len(loadings))) @ loadings + rng.normal(size=(count, len(noise))) * noise


def gaussian_scores(X_train: np.ndarray, X_test: np.ndarray, shrinkage: float = 0.1) -> np.ndarray:
    """Return squared Mahalanobis distances with a covariance shrunk towards the identity of standardised columns."""
    mean, std = X_train.mean(axis=0), X_train.std(axis=0)
    train, test = (X_train - mean) / std, (X_test - mean) / std
    covariance = (1 - shrinkage) * np.cov(train.T, bias=True) + shrinkage * np.eye(train.shape[1])
    return np.einsum("ij,ij->i", test, np.linalg.solve(covariance, test.T).T)


def compare(rows: Rows, seed: int) -> Comparison:
    """Fit both methods and compare them."""
    ours = find_method(OURS).fit(rows.X_train, seed)(rows.X_test)
    gaussian = gaussian_scores(rows.X_train[: round(LEARNED * len(rows.X_train))], rows.X_test)
    of_all = gaussian_scores(rows.X_train, rows.X_test)
    rng = np.random.default_rng(seed)
    gaps = []
    for _ in range(200):
        drawn = np.concatenate([rng.integers(TESTED, size=TESTED), TESTED + rng.integers(TESTED, size=TESTED)])
        labels = rows.y_test[drawn]
        gaps.append(roc_auc_score(labels, ours[drawn]) - roc_auc_score(labels, gaussian[drawn]))
    low, high = np.quantile(gaps, [0.025, 0.975])
    figures = [float(roc_auc_score(rows.y_test, scores)) for scores in (ours, gaussian, of_all)]
    return Comparison(*figures, float(low), float(high))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2", help="separated by commas")
    seeds = [int(seed) for seed in parser.parse_args(arguments).seeds.split(",")]
    print("| anomalies | rows, columns | seed | ours | Gaussian | gap, 95% interval | Gaussian of all rows |")
    print("|---|---|---|---|---|---|---|")
    for kind in ("links", "scale"):
        for count, columns in SHAPES:
            for seed in seeds:
                result = compare(make_rows(count, columns, kind, seed), seed)
                gap = f"{result.gap:+.3f} ({result.low:+.3f} to {result.high:+.3f})"
                figures = f"{result.ours:.3f} | {result.gaussian:.3f} | {gap} | {result.gaussian_of_all_rows:.3f}"
                print(f"| {kind} | {count}, {columns} | {seed} | {figures} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

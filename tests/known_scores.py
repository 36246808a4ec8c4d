"""Scores whose true rates are known: normal rows from N(0, 1), anomalies from N(2, 1)."""

import numpy as np
import pyarrow as pa
from scipy import stats

SHIFT = 2.0


def draw(seed: int, normals: int, anomalies: int = 0, scale: float = 1.0) -> pa.Table:
    """Return rows to calibrate on."""
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(size=normals), rng.normal(SHIFT, 1, anomalies)]) * scale
    return pa.table({"anomaly_score": scores, "label": np.arange(len(scores)) >= normals})


def false_alarm_rate(threshold: float) -> float:
    """Return the true share of normal rows above a threshold."""
    return float(stats.norm.sf(threshold))


def recall(threshold: float) -> float:
    """Return the true share of anomalies above a threshold."""
    return float(stats.norm.sf(threshold, SHIFT))


def precision(threshold: float, base_rate: float) -> float:
    """Return the true share of anomalies among the rows above a threshold."""
    real = base_rate * recall(threshold)
    return real / (real + (1 - base_rate) * false_alarm_rate(threshold))

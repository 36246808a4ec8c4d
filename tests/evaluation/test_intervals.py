"""Intervals cover the truth as often as they claim, also for few rows and separated classes."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from anomaly_ae.evaluation.intervals import (
    average_precision_interval,
    f1_interval,
    roc_auc_interval,
)
from anomaly_ae.evaluation.proportions import wilson

DRAWS = 600
COVERAGE = 0.93
Interval = tuple[float, float]


def coverage(intervals: list[Interval], truth: float) -> float:
    """Return the share of intervals that contain the truth."""
    return float(np.mean([low <= truth <= high for low, high in intervals]))


def draw_scores(rng: np.random.Generator, shift: float, anomalies: int, normals: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw scores of anomalies and normal rows; if `shift` is negative, half of the anomalies look normal."""
    score = rng.normal(size=anomalies) + np.abs(shift)
    if shift < 0:
        score = np.where(rng.random(anomalies) < 0.5, rng.normal(size=anomalies), score)
    return score, rng.normal(size=normals)


def true_average_precision(shift: float, base_rate: float) -> float:
    """Return the average precision of infinitely many rows with this base rate."""
    anomalies, normals = draw_scores(np.random.default_rng(1), shift, 200_000, 200_000)
    recall = 1 - np.arange(len(anomalies)) / len(anomalies)
    false_rate = 1 - np.searchsorted(np.sort(normals), np.sort(anomalies)) / len(normals)
    return float(np.mean(recall * base_rate / (recall * base_rate + false_rate * (1 - base_rate))))


@pytest.mark.parametrize(("share", "rows"), [(0.5, 20), (0.05, 100), (0.01, 500), (0.9, 40)])
def test_proportions_are_covered(share: float, rows: int) -> None:
    """Averaged over samples, at least 93% of Wilson's intervals contain the true share."""
    counts = np.arange(rows + 1)
    inside = [low <= share <= high for low, high in (wilson(count / rows, rows) for count in counts)]

    assert stats.binom.pmf(counts, rows, share) @ np.array(inside) >= COVERAGE


def test_wilson_is_scipys() -> None:
    """For integer numbers of rows, the interval is that of SciPy's binomial test."""
    for hits, rows in [(0, 5), (3, 10), (50, 1000), (7, 7)]:
        bounds = stats.binomtest(hits, rows).proportion_ci(method="wilson")
        assert wilson(hits / rows, rows) == pytest.approx((bounds.low, bounds.high))


@pytest.mark.parametrize(
    ("recall", "false_rate", "anomalies", "normals"), [(0.8, 0.01, 30, 1000), (0.3, 0.05, 200, 400)]
)
def test_f1_is_covered(recall: float, false_rate: float, anomalies: int, normals: int) -> None:
    """At least 93% of the intervals contain the F1 of infinitely many rows with the same base rate."""
    rng = np.random.default_rng(0)
    tp, fp = rng.binomial(anomalies, recall, DRAWS), rng.binomial(normals, false_rate, DRAWS)
    truth = 2 * recall * anomalies / (recall * anomalies + false_rate * normals + anomalies)

    intervals = [f1_interval(int(hits), int(anomalies - hits + alarms)) for hits, alarms in zip(tp, fp, strict=True)]

    assert coverage(intervals, truth) >= COVERAGE


@pytest.mark.parametrize(("anomalies", "normals"), [(10, 200), (30, 3000), (200, 300)])
@pytest.mark.parametrize("shift", [0.5, 1.5, 3.0, -6.0])
def test_curve_summaries_are_covered(shift: float, anomalies: int, normals: int) -> None:
    """At least 93% of the intervals of ROC AUC and average precision contain the truth, whatever the overlap."""
    rng = np.random.default_rng(0)
    intervals: dict[str, list[Interval]] = {"auc": [], "ap": []}
    label = np.arange(anomalies + normals) < anomalies
    for _ in range(DRAWS // 2):
        high, low = draw_scores(rng, shift, anomalies, normals)
        intervals["auc"].append(roc_auc_interval(high, low))
        average_precision = float(average_precision_score(label, np.concatenate([high, low])))
        intervals["ap"].append(average_precision_interval(average_precision, anomalies))
    auc = float(stats.norm.cdf(np.abs(shift) / np.sqrt(2)))

    assert coverage(intervals["auc"], auc if shift > 0 else (0.5 + auc) / 2) >= COVERAGE
    assert coverage(intervals["ap"], true_average_precision(shift, anomalies / (anomalies + normals))) >= COVERAGE


def test_perfect_separation_is_not_certainty() -> None:
    """Five anomalies above a hundred normal rows have ROC AUC and average precision 1, with intervals well below 1."""
    low, high = roc_auc_interval(np.arange(5) + 1000.0, np.arange(100.0))

    assert high == pytest.approx(1)
    assert 0.5 < low < 0.95
    assert average_precision_interval(1.0, 5)[0] < 0.7


@pytest.mark.parametrize("sizes", [(1, 1), (1, 50), (50, 1)])
def test_single_rows_have_wide_intervals(sizes: tuple[int, int]) -> None:
    """A single row of a class is enough for a value, and its interval is very wide."""
    rng = np.random.default_rng(0)
    anomalies, normals = rng.normal(size=sizes[0]), rng.normal(size=sizes[1])

    low, high = roc_auc_interval(anomalies, normals)

    assert low <= roc_auc_score(np.arange(sum(sizes)) < sizes[0], np.concatenate([anomalies, normals])) <= high
    assert high - low > 0.4


def test_constant_scores_rank_by_chance() -> None:
    """If all scores are equal, ROC AUC is 0.5, within its interval."""
    low, high = roc_auc_interval(np.ones(20), np.ones(200))

    assert low < 0.5 < high
    assert high - low < 0.5

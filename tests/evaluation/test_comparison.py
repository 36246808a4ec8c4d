"""Comparison with baselines: the same numbers as scikit-learn's, and a plain sentence if one beats the model."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from anomaly_ae.evaluation.baselines import BASELINES
from anomaly_ae.evaluation.comparison import MODEL, OrderedLabels, compare


def rows(anomalies: int = 60, normals: int = 600) -> tuple[np.ndarray, np.random.Generator]:
    """Return labels, the anomalies first, and a random generator."""
    return np.arange(anomalies + normals) < anomalies, np.random.default_rng(0)


@pytest.mark.parametrize("digits", [0, 1, 9])
def test_measures_equal_scikit_learn_with_ties_and_weights(digits: int) -> None:
    """For rows weighted 0, 1 or 2, with or without tied scores, the measures are scikit-learn's."""
    label, rng = rows(40, 200)
    score = (rng.normal(size=240) + label).round(digits)
    weight = rng.integers(0, 3, 240).astype(float)

    auc, average_precision = OrderedLabels.of(score, label).measure(weight)

    assert auc == pytest.approx(roc_auc_score(label, score, sample_weight=weight))
    assert average_precision == pytest.approx(average_precision_score(label, score, sample_weight=weight))


def test_a_method_that_ranks_better_is_named() -> None:
    """A baseline ahead of the model beyond chance gets a sentence per measure; one behind or equal gets none."""
    label, rng = rows()
    noise = rng.normal(size=(3, len(label)))
    scores = {"better": label * 4 + noise[0], MODEL: label + noise[1], "worse": noise[2], "same": label + noise[1]}

    found = compare(label, scores, train_rows=1000)

    assert [ranking.method for ranking in found.rankings] == [MODEL, "better", "worse", "same"]
    assert [sentence.split(" ranks ")[0] for sentence in found.sentences] == ["better", "better"]
    assert found.sentences[0].startswith(f"better ranks these rows better than the {MODEL}: ROC AUC 0.99")
    assert found.rankings[0].leads is None


def test_leads_are_paired() -> None:
    """Two methods with the same ranking have a lead of exactly 0, however few the rows."""
    label, rng = rows(5, 20)
    score = rng.normal(size=25)

    found = compare(label, {MODEL: score, "twin": score * 3}, train_rows=1)

    assert {lead.interval for lead in (found.rankings[1].leads or {}).values()} == {(0.0, 0.0)}


def test_a_comparison_is_the_same_each_time() -> None:
    """The bootstrap draws the same rows in every run."""
    label, rng = rows()
    scores = {MODEL: label + rng.normal(size=660), "other": label + rng.normal(size=660)}

    assert compare(label, scores, 1) == compare(label, scores, 1)


@pytest.mark.parametrize("method", BASELINES)
def test_baselines_find_outlying_rows(method: str) -> None:
    """Rows shifted in all elements, also in those that hardly vary in train, score above nearly all others."""
    rng = np.random.default_rng(0)
    mixing = np.diag([1, 1, 1, 0.1, 0.1]).astype(np.float32)
    train, normal = (rng.normal(size=(size, 5)).astype(np.float32) @ mixing for size in (500, 200))
    far = normal[:20] + np.float32(6)

    scores = BASELINES[method](train, np.vstack([far, normal]))

    assert roc_auc_score(np.arange(220) < 20, scores) > 0.99


@pytest.mark.parametrize("method", BASELINES)
@pytest.mark.parametrize("shape", [(20, 1), (3, 10), (50, 4)])
def test_baselines_score_any_shape(method: str, shape: tuple[int, int]) -> None:
    """One element, fewer rows than elements and a constant element give finite scores."""
    train = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    train[:, 1:2] = 1

    assert np.isfinite(BASELINES[method](train, train)).all()

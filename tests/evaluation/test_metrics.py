"""Metrics are scikit-learn's, and a number that is undefined is said to be, never shown as 0."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from anomaly_ae.evaluation import evaluate

METRICS = ("precision", "recall", "f1", "average_precision", "roc_auc", "false_alarm_rate")
ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0])), min_size=1, max_size=40)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 0.8))
def test_metrics_equal_scikit_learn(seed: int, threshold: float) -> None:
    """On rows of both classes every number is what scikit-learn returns when called directly."""
    rng = np.random.default_rng(seed)
    label, score = np.arange(60) < 20, rng.random(60).round(1)
    flagged = score > threshold

    found = evaluate(label, score, threshold)

    tn, fp, fn, tp = sk.confusion_matrix(label, flagged).ravel()
    assert (found.confusion.tn, found.confusion.fp, found.confusion.fn, found.confusion.tp) == (tn, fp, fn, tp)
    assert found.average_precision == sk.average_precision_score(label, score)
    assert found.roc_auc == sk.roc_auc_score(label, score)
    assert found.recall == sk.recall_score(label, flagged)
    assert found.precision == sk.precision_score(label, flagged)
    assert found.f1 == sk.f1_score(label, flagged)
    assert found.false_alarm_rate == fp / 40
    assert found.undefined == {}


@pytest.mark.filterwarnings("error")
@given(ROWS)
def test_a_metric_has_a_value_or_a_reason(rows: list[tuple[bool, float]]) -> None:
    """Whatever the rows, each metric is either a number or None with a reason, and counts add up."""
    label, score = (np.array(column) for column in zip(*rows, strict=True))

    found = evaluate(label, score, 1.0)

    for name in METRICS:
        assert (getattr(found, name) is None) == (name in found.undefined)
    assert found.anomalies + found.normals == found.rows == len(rows)
    assert sum(found.confusion.model_dump().values()) == len(rows)


def test_only_normal_rows_leave_ranking_and_recall_undefined() -> None:
    """Without an anomaly there is nothing to find, which is not the same as finding nothing."""
    found = evaluate(np.zeros(10, bool), np.arange(10.0), 7.0)

    assert (found.recall, found.f1, found.average_precision, found.roc_auc) == (None, None, None, None)
    assert found.undefined["roc_auc"] == "no anomaly among them"
    assert (found.false_alarm_rate, found.precision) == (0.2, 0.0)


def test_only_anomalies_leave_ranking_and_false_alarms_undefined() -> None:
    """Without a normal row no false alarm is possible, which is not the same as a rate of 0."""
    found = evaluate(np.ones(10, bool), np.arange(10.0), 7.0)

    assert (found.false_alarm_rate, found.average_precision, found.roc_auc) == (None, None, None)
    assert found.undefined["false_alarm_rate"] == "no normal row among them"
    assert (found.recall, found.precision) == (0.2, 1.0)


def test_no_alert_leaves_precision_undefined() -> None:
    """Where nothing was flagged, no share of the flagged is right or wrong; recall is 0."""
    found = evaluate(np.arange(10) < 5, np.arange(10.0), 99.0)

    assert found.precision is None
    assert found.undefined == {"precision": "no row is above the threshold"}
    assert found.recall == 0


def test_a_score_at_the_threshold_is_not_flagged() -> None:
    """Strictly above, as everywhere."""
    assert evaluate(np.array([True, False]), np.array([1.0, 0.0]), 1.0).confusion.tp == 0

"""Metrics are scikit-learn's, and an undefined metric is reported as such, never as 0."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from anomaly_ae.evaluation.metrics import count_alarms, evaluate
from anomaly_ae.evaluation.summary import summarise

METRICS = ("precision", "recall", "f1", "average_precision", "roc_auc", "false_alarm_rate")
ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0])), min_size=1, max_size=40)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.2, 0.8))
def test_metrics_equal_scikit_learn(seed: int, threshold: float) -> None:
    """On rows of both classes, every metric is what scikit-learn returns when called directly."""
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
    """For any rows, each metric is a number within its interval or None with a reason, and counts add up."""
    label, score = (np.array(column) for column in zip(*rows, strict=True))

    found = evaluate(label, score, 1.0)

    for name in METRICS:
        value, interval = getattr(found, name), found.intervals[name]
        assert (value is None) == (interval is None) == (name in found.undefined)
        assert value is None or interval is None or interval[0] - 1e-9 <= value <= interval[1] + 1e-9
    assert found.anomalies + found.normals == found.rows == len(rows)
    assert sum(found.confusion.model_dump().values()) == len(rows)


def test_only_normal_rows_leave_ranking_and_recall_undefined() -> None:
    """Without anomalies there is nothing to find, which is not the same as finding nothing."""
    found = evaluate(np.zeros(10, bool), np.arange(10.0), 7.0)

    assert (found.recall, found.f1, found.average_precision, found.roc_auc) == (None, None, None, None)
    assert found.undefined["roc_auc"] == "no anomaly among them"
    assert (found.false_alarm_rate, found.precision) == (0.2, 0.0)


def test_only_anomalies_leave_ranking_and_false_alarms_undefined() -> None:
    """Without normal rows no false alarm is possible, which is not the same as a rate of 0."""
    found = evaluate(np.ones(10, bool), np.arange(10.0), 7.0)

    assert (found.false_alarm_rate, found.average_precision, found.roc_auc) == (None, None, None)
    assert found.undefined["false_alarm_rate"] == "no normal row among them"
    assert (found.recall, found.precision) == (0.2, 1.0)


def test_no_alert_leaves_precision_undefined() -> None:
    """If no row is flagged, precision is undefined and recall is 0."""
    found = evaluate(np.arange(10) < 5, np.arange(10.0), 99.0)

    assert found.precision is None
    assert found.undefined == {"precision": "no row is above the threshold"}
    assert found.recall == 0


def test_a_score_at_the_threshold_is_not_flagged() -> None:
    """A row is flagged only if its score is strictly above the threshold."""
    assert evaluate(np.array([True, False]), np.array([1.0, 0.0]), 1.0).confusion.tp == 0


def test_inverted_scores_give_a_warning() -> None:
    """There is a warning if anomalies score lower than normal rows beyond chance, and none if by chance."""
    rng = np.random.default_rng(0)
    label = np.arange(300) < 100
    inverted, random = rng.normal(size=300) - label, rng.normal(size=300)

    warned, quiet = (evaluate(label, score, 1.0) for score in (inverted, random))

    assert "lies below .5" in warned.warnings[0]
    assert warned.warnings[0] in summarise(warned)
    assert quiet.warnings == ()


def test_false_alarms_are_counted_by_segment() -> None:
    """Only normal rows count; the highest rate comes first; None stands for the overall threshold."""
    segment = np.array(["a"] * 10 + ["b"] * 10 + [None] * 5, dtype=object)
    label = np.zeros(25, bool)
    label[0] = True
    flagged = np.zeros(25, bool)
    flagged[[0, 1, 10, 11, 12]] = True

    segments = count_alarms(segment, label, flagged)

    counts = [(alarms.segment, alarms.false_alarms, alarms.normals) for alarms in segments]
    assert counts == [("b", 3, 10), ("a", 1, 9), (None, 0, 5)]
    assert all(alarms.interval[0] <= alarms.rate <= alarms.interval[1] for alarms in segments)


def test_segment_flags_override_the_threshold() -> None:
    """If rows were flagged by the thresholds of their segments, those flags count."""
    flagged = np.array([False, True, False, True])

    found = evaluate(np.array([True, True, False, False]), np.array([9.0, 1.0, 9.0, 1.0]), 5.0, flagged=flagged)

    assert (found.confusion.tp, found.confusion.fp, found.confusion.fn, found.confusion.tn) == (1, 1, 1, 1)
    assert found.recall == 0.5


def test_a_summary_says_what_is_undefined() -> None:
    """An undefined metric appears as undefined, without a number."""
    lines = summarise(evaluate(np.zeros(10, bool), np.arange(10.0), 7.0))

    assert "recall undefined" in lines[0]
    assert "false_alarm_rate 0.200 (0.057 to 0.510)" in lines[0]

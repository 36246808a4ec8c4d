"""The what-if table: counts, Wilson's intervals, and the base rate of the rows to come."""

import numpy as np
import pyarrow as pa
import pytest
from known_scores import draw, precision
from scipy import stats

from anomaly_ae.threshold import what_if


def test_shares_are_counts_with_wilson_intervals() -> None:
    """False-alarm rate and recall are counted on the rows; intervals are Wilson's, as scipy has them."""
    rows = draw(0, 500, 50)
    scores, label = rows["anomaly_score"].to_numpy(), rows["label"].to_numpy()

    for row in what_if(rows, 1.0, rows_per_day=200):
        above = scores > row.threshold
        assert row.false_alarm_rate == np.mean(above[~label])
        assert row.recall == np.mean(above[label])
        assert row.precision == pytest.approx(np.mean(label[above]))
        assert row.alerts_per_1000 == pytest.approx(1000 * np.mean(above))
        assert row.alerts_per_day == pytest.approx(200 * np.mean(above))
        for interval, count, total in (
            (row.false_alarm_interval, above[~label].sum(), 500),
            (row.recall_interval, above[label].sum(), 50),
        ):
            wilson = stats.binomtest(int(count), total).proportion_ci(method="wilson")
            assert interval == pytest.approx((wilson.low, wilson.high))


def test_the_threshold_in_force_is_one_of_them() -> None:
    """It is marked, and the table goes from the highest threshold to the lowest."""
    table = what_if(draw(0, 500), 0.123)

    assert [row.threshold for row in table if row.in_force] == [0.123]
    assert [row.threshold for row in table] == sorted((row.threshold for row in table), reverse=True)


def test_without_labels_nothing_is_said_of_anomalies() -> None:
    """Recall and precision are None, never 0; alerts are those of normal rows."""
    for row in what_if(pa.table({"anomaly_score": np.arange(100.0)}), 90.0):
        assert (row.recall, row.precision, row.recall_interval, row.precision_interval) == (None,) * 4
        assert row.alerts_per_day is None
        assert row.flagged_share == row.false_alarm_rate


def test_precision_is_at_the_base_rate_to_come() -> None:
    """With a base rate given, precision and its interval are about rows with that share of anomalies."""
    covered = []
    for seed in range(200):
        (row,) = [row for row in what_if(draw(seed, 400, 80), 2.0, base_rate=0.02) if row.in_force]
        covered.append(row.precision_interval[0] <= precision(2.0, 0.02) <= row.precision_interval[1])
        assert row.precision_interval[0] <= row.precision <= row.precision_interval[1]

    assert np.mean(covered) >= 0.95


def test_the_interval_of_precision_is_its_worst_and_its_best_case() -> None:
    """Low recall with many false alarms, and high recall with few: the ends of two intervals of 97.5 %."""
    rows = draw(0, 500, 50)
    above, label = rows["anomaly_score"].to_numpy() > 2.0, rows["label"].to_numpy()

    (row,) = [row for row in what_if(rows, 2.0, base_rate=0.1) if row.in_force]

    found = stats.binomtest(int(above[label].sum()), 50).proportion_ci(0.975, method="wilson")
    false = stats.binomtest(int(above[~label].sum()), 500).proportion_ci(0.975, method="wilson")
    worst, best = (0.1 * a / (0.1 * a + 0.9 * b) for a, b in ((found.low, false.high), (found.high, false.low)))
    assert row.precision_interval == pytest.approx((worst, best))


def test_a_threshold_above_all_rows_has_no_precision() -> None:
    """No row is flagged: the precision is undefined, not 0."""
    row = what_if(draw(0, 100, 10), 1e9)[0]

    assert (row.flagged_share, row.recall, row.precision) == (0, 0, None)

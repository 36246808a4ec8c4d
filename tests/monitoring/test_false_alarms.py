"""False alarms: how many chance allows, with a threshold that was itself taken from few scores."""

import numpy as np
import pytest

from anomaly_ae.monitoring.false_alarms import alarm_rates, expected_alarms, surprise


@pytest.mark.parametrize("n_validation", [100, 1000])
def test_surplus_and_deficit_are_as_rare_as_they_say(n_validation: int) -> None:
    """Drawing validation and new rows from one law 3,000 times, p-values below .05 come in at most 6 % of them."""
    rng = np.random.default_rng(5)
    rows, above = 500, int(0.05 * (n_validation + 1)) - 1
    thresholds = np.sort(rng.random((3000, n_validation)), axis=1)[:, -above - 1]
    alarms = rng.binomial(rows, 1 - thresholds)
    rates = alarm_rates(above, n_validation)
    by_count = {count: surprise(int(count), rows, rates) for count in np.unique(alarms)}

    p_values = np.array([by_count[count] for count in alarms])

    assert (p_values < 0.05).mean(axis=0).max() <= 0.06
    assert (p_values < 0.05).mean(axis=0).max() >= 0.02


def test_the_uncertainty_of_few_validation_scores_counts() -> None:
    """30 alarms among 1,000 rows refute 1 % taken from 10,000 scores, and not 1 % taken from 100."""
    assert surprise(30, 1000, alarm_rates(99, 10_000))[1] < 1e-5
    assert surprise(30, 1000, alarm_rates(0, 100))[1] > 0.02


def test_expected_range_of_ten_million_rows_is_found_at_once() -> None:
    """The range needs no memory per row."""
    low, high = expected_alarms(10_000_000, alarm_rates(9_999, 1_000_000))

    assert 97_000 < low < 100_000 < high < 103_000


@pytest.mark.parametrize("above", [0, 5, 7])
def test_every_threshold_has_rates(above: int) -> None:
    """Also one that lies above all validation scores, or below all of them."""
    rates = alarm_rates(above, 7)

    assert ((rates > 0) & (rates < 1)).all()
    assert (np.diff(rates) > 0).all()


def test_none_or_more_is_certain_and_all_or_fewer_too() -> None:
    """Both probabilities take in the count itself."""
    rates = alarm_rates(9, 999)

    assert surprise(0, 10, rates) == pytest.approx((float(np.mean((1 - rates) ** 10)), 1))
    assert surprise(10, 10, rates) == pytest.approx((1, float(np.mean(rates**10))))

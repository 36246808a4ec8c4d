"""The threshold keeps its promise on rows that nobody has seen, and refuses one it cannot keep."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import stats

from anomaly_ae.errors import CalibrationError
from anomaly_ae.estimators.frames import contract_of, to_table
from anomaly_ae.modalities.tables.model import ModelSpec, TableModel, fit_model
from anomaly_ae.networks.denoising import DenoisingNetwork
from anomaly_ae.networks.memory import MemoryNetwork
from anomaly_ae.spec import FeatureSpec, ScoringSpec, TrainingSpec
from anomaly_ae.threshold import Calibration, calibrate_fpr, p_values, severity

Floats = NDArray[np.float64]
SCORES = st.lists(st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=80).map(np.array)
RATES = st.fractions(Fraction(1, 100), Fraction(99, 100), max_denominator=200)


def conformal_rate(scores: Floats, threshold: float) -> Fraction:
    """Return the rate that a cut promises: a new normal score is as likely to take any rank among the others."""
    return Fraction(1 + int(np.sum(scores > threshold)), len(scores) + 1)


@given(scores=SCORES, rate=RATES)
def test_it_is_the_smallest_threshold_that_keeps_the_rate(scores: Floats, rate: Fraction) -> None:
    """Among all cuts at a score the lowest is taken whose rate is at most the target; ties and constants included."""
    assume(len(scores) + 1 >= 1 / rate)
    kept = [score for score in scores if conformal_rate(scores, score) <= rate]

    assert calibrate_fpr(scores, float(rate)).threshold == min(kept)


@given(scores=SCORES, rate=RATES)
def test_too_few_rows_are_refused_naming_the_rows_needed(scores: Floats, rate: Fraction) -> None:
    """A rate below 1 / (n + 1) is refused; with the rows that the message names it is not."""
    assume(len(scores) + 1 < 1 / rate)
    needed = int(-(-1 // rate)) - 1

    with pytest.raises(CalibrationError, match=rf"at least {needed} .*there are {len(scores)},.*split\.validation"):
        calibrate_fpr(scores, float(rate))
    assert calibrate_fpr(np.arange(needed), float(rate)).threshold == needed - 1


@given(scores=SCORES, rate=RATES, score=st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1.0, 2.0]))
def test_above_the_threshold_means_a_p_value_within_the_rate(scores: Floats, rate: Fraction, score: float) -> None:
    """`score > threshold` and `p_value <= target_fpr` say the same of every score."""
    assume(len(scores) + 1 >= 1 / rate)
    calibration = calibrate_fpr(scores, float(rate))

    p_value = p_values(np.array([score]), np.sort(scores))[0]

    assert (score > calibration.threshold) == (p_value <= float(rate) + 1e-12)


def test_a_score_at_the_threshold_is_no_alert() -> None:
    """Where all scores are equal the threshold is that score, and none lies above it."""
    assert calibrate_fpr(np.full(99, 3.0), 0.05).threshold == 3.0


@given(SCORES)
def test_order_does_not_matter(scores: Floats) -> None:
    """The same scores in another order give the same calibration, under the same name."""
    positive = np.abs(scores)  # as scores are; -0.0 has other bytes than 0.0

    assert calibrate_fpr(positive, 0.6) == calibrate_fpr(positive[::-1], 0.6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(bad: float) -> None:
    """One NaN or infinity among the scores is an error that counts them, not a threshold."""
    with pytest.raises(CalibrationError, match="1 of 100 validation scores are not finite"):
        calibrate_fpr(np.append(np.arange(99.0), bad), 0.05)


def test_no_scores_are_refused() -> None:
    """No rows, no threshold."""
    with pytest.raises(CalibrationError, match="no validation scores"):
        calibrate_fpr(np.array([]), 0.05)


@pytest.mark.parametrize("rate", [0.0, 1.0, 1.5, -0.1, np.nan])
def test_a_rate_that_is_no_share_is_refused(rate: float) -> None:
    """A rate must lie between 0 and 1: at 1 everything would be an alert."""
    with pytest.raises(CalibrationError, match="between 0 and 1"):
        calibrate_fpr(np.arange(99.0), rate)


@given(scores=SCORES, validation=SCORES)
def test_p_value_is_its_formula(scores: Floats, validation: Floats) -> None:
    """The p-value counts the validation scores at or above the score, and the score itself."""
    counted = [(1 + np.sum(validation >= score)) / (len(validation) + 1) for score in scores]

    assert p_values(scores, np.sort(validation)).tolist() == counted


@given(st.integers(1, 10_000))
def test_severity_goes_from_0_to_100(n: int) -> None:
    """The largest p-value has severity 0, the smallest 100, and a smaller one never less than a larger."""
    p_value = np.arange(1, n + 2) / (n + 1)

    levels = severity(p_value, n)

    assert levels[0] == pytest.approx(100)
    assert levels[-1] == 0
    assert ((levels >= 0) & (levels <= 100)).all()
    assert (np.diff(levels) < 0).all()


@pytest.mark.parametrize("change", [{"threshold": 9.5}, {"target_fpr": 0.001}, {"n_validation": 10**6}, {"extra": 1}])
def test_an_altered_calibration_is_refused(change: dict[str, float]) -> None:
    """A calibration of which one value was changed by hand no longer has its own name."""
    written = calibrate_fpr(np.arange(99.0), 0.05).model_dump()

    assert Calibration.model_validate(written).threshold == 94
    with pytest.raises(ValidationError):
        Calibration.model_validate({**written, **change})


# The promise itself: 200 times a threshold is taken from 199 normal rows, and 200 fresh ones are counted above it.

SEEDS, VALIDATION, FRESH, TARGET = 200, 199, 200, 0.05
DRAWS = 10
"""Draws of validation and fresh rows per model: to train 200 models would take minutes. Given the model, the draws are
independent, so the counts are 200 independent ones all the same."""


def is_in_band(flagged: NDArray[np.int64]) -> bool:
    """Say whether counts of fresh rows above their thresholds add up as the promise has it, at one in a thousand.

    The rate above a threshold taken from n scores is itself random, Beta(10, 190) here: each count is beta-binomial.
    """
    above = round((VALIDATION + 1) * TARGET)
    mean, variance = stats.betabinom.stats(FRESH, above, VALIDATION + 1 - above)
    deviation = (flagged.sum() - len(flagged) * mean) / np.sqrt(len(flagged) * variance)
    return abs(deviation) < stats.norm.ppf(1 - 0.0005)


@pytest.mark.parametrize("draw", ["lognormal", "normal", "pareto"])
def test_fresh_scores_exceed_the_threshold_at_the_promised_rate(draw: str) -> None:
    """Over 200 seeds the observed false-alarm rate is the promised one, whatever the scores' distribution."""
    flagged = []
    for seed in range(SEEDS):
        scores = getattr(np.random.default_rng(seed), draw)(
            *((3.0,) if draw == "pareto" else ()), size=VALIDATION + FRESH
        )
        flagged.append(np.sum(scores[VALIDATION:] > calibrate_fpr(scores[:VALIDATION], TARGET).threshold))

    assert is_in_band(np.array(flagged))


def normal_rows(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Return Gaussian rows of ten columns with three directions in common."""
    mixing = np.random.default_rng(0).normal(size=(3, 10))
    values = rng.normal(size=(rows, 3)) @ mixing + 0.5 * rng.normal(size=(rows, 10))
    return pd.DataFrame(values, columns=list("abcdefghij"))


def tiny_model(rows: pd.DataFrame, network: DenoisingNetwork, seed: int) -> TableModel:
    """Train a small autoencoder."""
    contract = contract_of(rows)
    how = ModelSpec(FeatureSpec(), network, TrainingSpec(steps=50, seed=seed, device="cpu"), ScoringSpec())
    return fit_model(to_table(rows, contract), contract.features, how)


@pytest.mark.parametrize("network", [DenoisingNetwork(hidden=(128,), members=1), MemoryNetwork(hidden=(32,), rows=200)])
def test_fresh_rows_exceed_the_threshold_at_the_promised_rate(network: DenoisingNetwork) -> None:
    """Over 200 draws a trained autoencoder keeps the promise; a threshold from its train rows does not."""
    held_out, from_train = [], []
    for seed in range(SEEDS // DRAWS):
        rng = np.random.default_rng(seed)
        train = normal_rows(rng, VALIDATION)
        model, contract = tiny_model(train, network, seed), contract_of(train)
        scores = model.score(to_table(normal_rows(rng, DRAWS * (VALIDATION + FRESH)), contract)).anomaly_score
        too_low = calibrate_fpr(model.score(to_table(train, contract)).anomaly_score, TARGET).threshold
        for drawn in scores.reshape(DRAWS, -1):
            fresh = drawn[VALIDATION:]
            held_out.append(np.sum(fresh > calibrate_fpr(drawn[:VALIDATION], TARGET).threshold))
            from_train.append(np.sum(fresh > too_low))

    assert is_in_band(np.array(held_out))
    assert not is_in_band(np.array(from_train))
    assert np.mean(from_train) / FRESH > TARGET

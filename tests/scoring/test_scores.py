"""Contributions add up, the reconstruction error is a plain mean square, and no row depends on its neighbours."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anomaly_ae.estimators.frames import to_table
from anomaly_ae.estimators.tabular import TabularAutoencoder
from anomaly_ae.features.table import Encoded
from anomaly_ae.modalities.tables.model import TableModel
from anomaly_ae.scoring.scores import BATCH_ROWS, SURPRISE, fit_weight, score

NETWORKS = ("memory", "denoising", "textbook")


@pytest.fixture(scope="module", params=NETWORKS)
def detector(request: pytest.FixtureRequest, mixed: pd.DataFrame) -> TabularAutoencoder:
    """Return a fitted detector of each kind of network, scoring after three passes, with a constant column."""
    rows = mixed.assign(version=7.0)
    settings = {"hidden": (16,), "steps": 30, "passes": 3, "target_fpr": 0.05, "device": "cpu", "random_state": 0}
    return TabularAutoencoder(network=request.param, **settings).fit(rows)


@pytest.fixture(scope="module")
def model(detector: TabularAutoencoder) -> TableModel:
    """Return the model in it."""
    return detector.model_


@pytest.fixture(scope="module")
def encoded(detector: TabularAutoencoder, mixed: pd.DataFrame) -> Encoded:
    """Return encoded rows, some of which hold a surprise."""
    rows = mixed.assign(version=np.where(mixed.index % 50 == 0, 8.0, 7.0))
    return detector.model_.encoder.transform(to_table(rows, detector.contract_))


def rows_of(encoded: Encoded, places: object) -> Encoded:
    """Return some of the encoded rows."""
    return Encoded(np.ascontiguousarray(encoded.elements[places]), encoded.surprise[places])


def test_contributions_are_weighed_errors_and_surprises(model: TableModel, encoded: Encoded) -> None:
    """A column's contribution is the weighted sum of its elements' errors over all parts, plus surprises."""
    with torch.inference_mode():
        errors = model.network.examine(torch.from_numpy(encoded.elements), passes=3).errors.double().numpy()
    weighted = (model.scale.weight[:, None, :] * errors).sum(axis=0)
    in_column = model.encoder.column_of_element[:, None] == np.arange(len(model.encoder.columns))

    scores = score(model.network, encoded, model.scale)

    assert scores.contributions == pytest.approx(weighted @ in_column + SURPRISE * encoded.surprise, rel=1e-4, abs=1e-5)
    assert encoded.surprise.any()
    assert (scores.contributions >= 0).all()
    assert scores.anomaly_score == pytest.approx(scores.contributions.sum(axis=1))


def test_a_surprise_adds_a_fixed_amount_to_its_own_column(model: TableModel, encoded: Encoded) -> None:
    """The same elements with a surprise score higher by just that, in just that column."""
    surprise = np.zeros_like(encoded.surprise)
    surprise[:, 2] = True

    with_it = score(model.network, Encoded(encoded.elements, surprise), model.scale).contributions
    without = score(model.network, Encoded(encoded.elements, np.zeros_like(surprise)), model.scale).contributions

    assert (with_it - without) == pytest.approx(SURPRISE * surprise)


def test_reconstruction_error_is_the_plain_mean_square_of_one_pass(model: TableModel, encoded: Encoded) -> None:
    """However often the score feeds the reconstruction back, the reported error is that of the first."""
    with torch.inference_mode():
        once = model.network(torch.from_numpy(encoded.elements)).numpy()

    error = score(model.network, encoded, model.scale).reconstruction_error

    assert error == pytest.approx(((once - encoded.elements) ** 2).mean(axis=1), rel=1e-4)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("columns", [3, 10, 20])
def test_a_row_scores_the_same_to_the_last_bit_whoever_comes_with_it(kind: str, columns: int) -> None:
    """Alone, among others, in another order, or beyond a full batch: a row's numbers are equal bit for bit."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, columns))
    settings = {"hidden": (16,), "steps": 5, "target_fpr": 0.05, "device": "cpu", "random_state": 0}
    model = TabularAutoencoder(network=kind, **settings).fit(rows).model_
    encoded = Encoded(rows.astype(np.float32), np.zeros(rows.shape, bool))
    every = score(model.network, encoded, model.scale)
    choices = [np.array([17]), np.arange(5), rng.permutation(300), rng.integers(0, 300, BATCH_ROWS + 3)]
    for places in choices:
        some = score(model.network, rows_of(encoded, places), model.scale)

        assert np.array_equal(some.contributions, every.contributions[places])
        assert np.array_equal(some.anomaly_score, every.anomaly_score[places])
        assert np.array_equal(some.reconstruction_error, every.reconstruction_error[places])
        assert np.array_equal(some.reconstruction, every.reconstruction[places])


def test_no_rows_have_no_scores(model: TableModel, encoded: Encoded) -> None:
    """An empty batch gives empty arrays of the right shape."""
    scores = score(model.network, rows_of(encoded, slice(0)), model.scale)

    assert scores.anomaly_score.shape == scores.reconstruction_error.shape == (0,)
    assert scores.contributions.shape == (0, len(model.encoder.columns))


def test_scores_are_never_clipped(detector: TabularAutoencoder, mixed: pd.DataFrame) -> None:
    """The farther a number lies from the train rows, the higher the score, over many orders of magnitude."""
    away = 10.0 ** np.arange(3, 300, 9)
    rows = pd.concat([mixed.head(1)] * len(away)).assign(version=7.0, load=away)

    scores = detector.anomaly_score(rows)

    assert (np.diff(scores) > 0).all()
    assert np.isfinite(scores).all()


@given(
    st.integers(1, 3).flatmap(
        lambda parts: st.lists(st.lists(st.floats(0.01, 100), min_size=4, max_size=4), min_size=parts, max_size=parts)
    )
)
def test_a_row_with_mean_errors_scores_one(errors: list[list[float]]) -> None:
    """With the fitted weights, the mean errors sum to 1, and all parts contribute equally."""
    mean = np.array(errors)

    added = (fit_weight(mean, whiten=False) * mean).sum(axis=1)

    assert added == pytest.approx(1 / len(mean))


def test_whitened_elements_contribute_equally_but_an_exact_one_does_not_dominate() -> None:
    """Whitened elements contribute equally; the weight of one that is reconstructed almost exactly is bounded."""
    mean = np.array([[1.0, 4.0, 0.25, 1e-12]])

    weight = fit_weight(mean, whiten=True)

    assert (weight * mean)[0, :3] == pytest.approx(0.25)
    assert weight.max() < 20 / 4 / mean.mean() + 1e-9

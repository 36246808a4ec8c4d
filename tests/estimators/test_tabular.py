"""The scikit-learn view: its contract, its polarity, and everything a DataFrame may hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from anomaly_ae.errors import ArtifactError, CalibrationError, ContractError
from anomaly_ae.estimators.tabular import CalibrationWarning, TabularAutoencoder

QUICK: dict[str, Any] = {"hidden": (16,), "steps": 30, "target_fpr": 0.05, "device": "cpu", "random_state": 0}


@pytest.mark.filterwarnings("ignore::anomaly_ae.estimators.tabular.CalibrationWarning")
@parametrize_with_checks([TabularAutoencoder(hidden=(16,), steps=20)])
def test_scikit_learns_own_checks(estimator: TabularAutoencoder, check: Any) -> None:
    """Every check that scikit-learn has for an outlier detector passes, with no exception."""
    check(estimator)


@pytest.fixture
def planted(mixed: pd.DataFrame) -> pd.DataFrame:
    """Return a normal row, and the same with its link between load and heat broken."""
    row = mixed[mixed["heat"].notna()].head(1)
    return pd.concat([row, row.assign(heat=-row["heat"])], ignore_index=True)


def test_polarity_is_scikit_learns(fitted: TabularAutoencoder, planted: pd.DataFrame) -> None:
    """The planted anomaly has the higher anomaly score, the lower sample score, and is predicted -1."""
    normal, anomaly = fitted.score_samples(planted)

    assert anomaly < normal
    assert np.array_equal(fitted.anomaly_score(planted), -fitted.score_samples(planted))
    assert fitted.predict(planted).tolist() == [1, -1]


def test_one_decision_in_four_words(fitted: TabularAutoencoder, mixed: pd.DataFrame) -> None:
    """Negative decision, prediction -1, score above the threshold and sample score below the offset are one thing."""
    rows = mixed.assign(load=np.linspace(-100, 200, len(mixed)))
    anomaly = fitted.anomaly_score(rows) > fitted.threshold_

    assert 0 < anomaly.sum() < len(rows)
    assert np.array_equal(fitted.decision_function(rows) < 0, anomaly)
    assert np.array_equal(fitted.predict(rows) == -1, anomaly)
    assert np.array_equal(fitted.score_samples(rows) < fitted.offset_, anomaly)
    assert fitted.offset_ == -fitted.threshold_


def test_a_score_at_the_threshold_is_normal(mixed: pd.DataFrame) -> None:
    """Strictly above, as in the scored table: the calibration row that set the threshold is no anomaly."""
    detector = TabularAutoencoder(**QUICK).fit(mixed).calibrate(mixed.head(100))
    scores = detector.anomaly_score(mixed.head(100))

    assert (scores == detector.threshold_).any()
    assert set(detector.predict(mixed.head(100))[scores == detector.threshold_]) == {1}


def test_explanations_sum_to_the_score(fitted: TabularAutoencoder, planted: pd.DataFrame) -> None:
    """There is one number per row and source column; a row's add up to its score, and the broken columns lead."""
    rows = planted.set_axis(["a", "b"])

    explained = fitted.explain(rows)

    assert list(explained.columns) == list(planted.columns)
    assert list(explained.index) == ["a", "b"]
    assert explained.sum(axis=1).to_numpy() == pytest.approx(fitted.anomaly_score(rows))
    assert explained.loc["b"].idxmax() == "heat"


@pytest.mark.parametrize("kind", [np.array, list, pd.DataFrame])
def test_explanations_take_what_fit_takes(kind: Any) -> None:
    """An array, a list and a DataFrame of numbers are explained alike."""
    rows = np.random.default_rng(0).normal(size=(100, 3))
    detector = TabularAutoencoder(**QUICK).fit(rows)

    assert detector.explain(kind(rows.tolist())).shape == (100, 3)


def test_a_missing_cell_is_more_anomalous_than_the_mean() -> None:
    """A gap in a column that never had one raises the score above that of the imputed row, by a visible amount."""
    rng = np.random.default_rng(0)
    rows = rng.normal(5, 1, size=(400, 4))
    detector = TabularAutoencoder(**QUICK).fit(rows)
    imputed = rng.normal(5, 1, size=(50, 4))
    imputed[:, 2] = rows[:, 2].mean()
    gappy = imputed.copy()
    gappy[:, 2] = np.nan

    more = detector.anomaly_score(gappy) - detector.anomaly_score(imputed)

    assert (more > 1).all()
    assert (detector.explain(gappy).idxmax(axis=1) == "x2").mean() > 0.9


def test_it_works_in_a_pipeline_and_as_a_clone(mixed: pd.DataFrame) -> None:
    """Behind a scaler it fits, scores and predicts; a clone with the same seed gives the same scores."""
    numbers = mixed[["load", "heat"]]
    pipeline = make_pipeline(StandardScaler(), TabularAutoencoder(**QUICK))

    once = pipeline.fit(numbers).score_samples(numbers)
    again = clone(pipeline).fit(numbers).score_samples(numbers)

    assert np.array_equal(once, again)
    assert set(pipeline.predict(numbers)) <= {1, -1}
    assert pipeline[-1].get_params()["hidden"] == (16,)


def test_a_seed_is_reproducible(mixed: pd.DataFrame) -> None:
    """The same seed gives the same threshold and scores, whatever others draw in between; another seed others."""
    fits = []
    for seed in (1, 1, 2):
        fits.append(TabularAutoencoder(**QUICK | {"random_state": seed}).fit(mixed))
        torch.rand(1)
    one, same, other = fits

    assert np.array_equal(one.anomaly_score(mixed), same.anomaly_score(mixed))
    assert one.threshold_ == same.threshold_ != other.threshold_


def test_the_threshold_comes_from_rows_that_fit_held_out() -> None:
    """Fresh rows exceed it at about the target rate; a memory that had held its rows would have set it far too low."""
    rng = np.random.default_rng(0)
    detector = TabularAutoencoder(**QUICK).fit(rng.normal(size=(400, 8)))

    assert len(detector.validation_scores_) == 40
    assert 0.005 < np.mean(detector.predict(rng.normal(size=(3000, 8))) == -1) < 0.15


def test_fit_does_not_change_its_input(mixed: pd.DataFrame) -> None:
    """The caller's rows are as they were."""
    rows = mixed.copy()

    TabularAutoencoder(**QUICK).fit(rows).predict(rows)

    pd.testing.assert_frame_equal(rows, mixed)


def test_fit_predict_flags_about_the_target_share(mixed: pd.DataFrame) -> None:
    """Of the rows it was fitted on, few are anomalies."""
    assert 0 < np.mean(TabularAutoencoder(**QUICK).fit_predict(mixed) == -1) < 0.2


def test_too_few_rows_warn_and_promise_what_they_can(mixed: pd.DataFrame) -> None:
    """Where the rows cannot hold the rate asked for, a warning says which rate they hold, and so does the detector."""
    with pytest.warns(CalibrationWarning, match=r"0\.001 needs at least 999 .*there are 40.*promises 0\.0244 instead"):
        detector = TabularAutoencoder(**QUICK | {"target_fpr": 0.001}).fit(mixed)

    assert detector.promised_fpr_ == pytest.approx(1 / 41)
    assert detector.threshold_ == detector.validation_scores_.max()


def test_the_warning_points_at_the_caller(mixed: pd.DataFrame) -> None:
    """The warning's line is the one that called `fit`, not one of ours."""
    with pytest.warns(CalibrationWarning) as caught:
        TabularAutoencoder(**QUICK | {"target_fpr": 0.001}).fit(mixed)

    assert Path(caught[0].filename).samefile(__file__)


def test_calibrate_moves_the_threshold_and_nothing_else(mixed: pd.DataFrame) -> None:
    """A new threshold from new rows: scores stay, the promise changes, too few rows are refused."""
    detector = TabularAutoencoder(**QUICK).fit(mixed.head(300))
    scores = detector.anomaly_score(mixed)

    detector.calibrate(mixed.tail(100), target_fpr=0.2)

    assert np.array_equal(detector.anomaly_score(mixed), scores)
    assert detector.promised_fpr_ == 0.2
    assert np.sum(scores[-100:] > detector.threshold_) == 19
    assert detector.target_fpr == 0.05
    with pytest.raises(CalibrationError, match="needs at least 99"):
        detector.calibrate(mixed.tail(50), target_fpr=0.01)
    assert detector.promised_fpr_ == 0.2


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_saved_and_loaded_it_is_the_same(fitted: TabularAutoencoder, mixed: pd.DataFrame, tmp_path: Path) -> None:
    """Scores, decisions and threshold survive, to the bit; so does saving again under the same name."""
    fitted.save(tmp_path / "model")
    fitted.save(tmp_path / "model")

    loaded = TabularAutoencoder.load(tmp_path / "model")

    assert np.array_equal(loaded.anomaly_score(mixed), fitted.anomaly_score(mixed))
    assert np.array_equal(loaded.predict(mixed), fitted.predict(mixed))
    assert (loaded.threshold_, loaded.promised_fpr_) == (fitted.threshold_, fitted.promised_fpr_)
    assert loaded.get_params()["hidden"] == (16,)


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_a_loaded_detector_finds_columns_by_name(
    fitted: TabularAutoencoder, mixed: pd.DataFrame, tmp_path: Path
) -> None:
    """Columns in another order are refused, as by the detector that was saved; none is taken for another."""
    fitted.save(tmp_path / "model")
    loaded = TabularAutoencoder.load(tmp_path / "model")

    assert loaded.feature_names_in_.tolist() == fitted.feature_names_in_.tolist()
    with pytest.raises(ValueError, match="same order"):
        loaded.anomaly_score(mixed[mixed.columns[::-1]])


def test_another_model_is_not_silently_kept(fitted: TabularAutoencoder, mixed: pd.DataFrame, tmp_path: Path) -> None:
    """Saving where another model is says so, rather than leaving the old one there and returning."""
    fitted.save(tmp_path / "model")
    other = TabularAutoencoder(**QUICK | {"random_state": 9}).fit(mixed)

    with pytest.raises(ArtifactError, match="already holds model version"):
        other.save(tmp_path / "model")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="name another directory"):
        other.save(tmp_path / "notes")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "notes"]


@pytest.mark.parametrize("call", ["predict", "score_samples", "explain", "calibrate"])
def test_unfitted_it_says_so(call: str, mixed: pd.DataFrame) -> None:
    """Before `fit` there is nothing to score with."""
    with pytest.raises(NotFittedError):
        getattr(TabularAutoencoder(), call)(mixed)


def test_saving_unfitted_says_so(tmp_path: Path) -> None:
    """Before `fit` there is nothing to save."""
    with pytest.raises(NotFittedError):
        TabularAutoencoder().save(tmp_path / "model")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"load": np.inf}, "column 'load' holds an infinite value"),
        ({"load": "heavy"}, "column 'load' was float64 .* does not read as float64"),
        ({"at": "once upon a time"}, "column 'at' .* does not read as timestamp"),
    ],
)
def test_cells_that_do_not_fit_name_their_column(
    fitted: TabularAutoencoder, mixed: pd.DataFrame, change: dict[str, Any], complaint: str
) -> None:
    """A cell of another type than at `fit` is an error that names the column."""
    with pytest.raises(ContractError, match=complaint):
        fitted.predict(mixed.head(3).assign(**change))


def test_columns_of_the_same_name_are_refused() -> None:
    """Two columns that cannot be told apart are an error."""
    twice = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "a"])

    with pytest.raises(ValueError, match=r"more than once|unique column names"):
        TabularAutoencoder(**QUICK).fit(twice)


def test_odd_but_honest_columns_fit() -> None:
    """Whole numbers beyond 2^53, moments to the nanosecond, categories of truth values and nullable types are fine."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "whole": 2**60 + rng.integers(0, 2**58, 200),
            "moment": pd.to_datetime(1_700_000_000 * 10**9 + rng.integers(0, 10**17, 200)),
            "flag": pd.Categorical(rng.random(200) < 0.5),
            "nullable": pd.array(rng.integers(0, 9, 200), dtype="Int64"),
            "text": pd.array(rng.choice(["a", "b"], 200), dtype="string"),
        }
    )
    rows.loc[::10, "nullable"] = pd.NA

    detector = TabularAutoencoder(**QUICK).fit(rows)

    assert np.isfinite(detector.anomaly_score(rows)).all()

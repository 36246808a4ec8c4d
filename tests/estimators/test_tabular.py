"""The scikit-learn view: its contract, its sign convention, and everything a DataFrame may contain."""

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
    """All of scikit-learn's checks for outlier detectors pass, without exception."""
    check(estimator)


@pytest.fixture
def planted(mixed: pd.DataFrame) -> pd.DataFrame:
    """Return a normal row, and a copy that violates the relation between load and heat."""
    row = mixed[mixed["heat"].notna()].head(1)
    return pd.concat([row, row.assign(heat=-row["heat"])], ignore_index=True)


def test_the_sign_convention_is_scikit_learns(fitted: TabularAutoencoder, planted: pd.DataFrame) -> None:
    """The planted anomaly has the higher anomaly score and the lower sample score, and is predicted as -1."""
    normal, anomaly = fitted.score_samples(planted)

    assert anomaly < normal
    assert np.array_equal(fitted.anomaly_score(planted), -fitted.score_samples(planted))
    assert fitted.predict(planted).tolist() == [1, -1]


def test_all_methods_agree_on_the_decision(fitted: TabularAutoencoder, mixed: pd.DataFrame) -> None:
    """Negative decision, prediction -1, score above threshold and sample score below offset are equivalent."""
    rows = mixed.assign(load=np.linspace(-100, 200, len(mixed)))
    anomaly = fitted.anomaly_score(rows) > fitted.threshold_

    assert 0 < anomaly.sum() < len(rows)
    assert np.array_equal(fitted.decision_function(rows) < 0, anomaly)
    assert np.array_equal(fitted.predict(rows) == -1, anomaly)
    assert np.array_equal(fitted.score_samples(rows) < fitted.offset_, anomaly)
    assert fitted.offset_ == -fitted.threshold_


def test_a_score_at_the_threshold_is_normal(mixed: pd.DataFrame) -> None:
    """Anomalies lie strictly above: the calibration row that set the threshold is normal."""
    detector = TabularAutoencoder(**QUICK).fit(mixed).calibrate(mixed.head(100))
    scores = detector.anomaly_score(mixed.head(100))

    assert (scores == detector.threshold_).any()
    assert set(detector.predict(mixed.head(100))[scores == detector.threshold_]) == {1}


def test_explanations_sum_to_the_score(fitted: TabularAutoencoder, planted: pd.DataFrame) -> None:
    """Each row has a contribution per source column; they sum to its score, and the violated column leads."""
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
    """A gap in a column without gaps in train raises the score clearly above that of the imputed row."""
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
    """After a scaler it fits, scores and predicts; a clone with the same seed gives the same scores."""
    numbers = mixed[["load", "heat"]]
    pipeline = make_pipeline(StandardScaler(), TabularAutoencoder(**QUICK))

    once = pipeline.fit(numbers).score_samples(numbers)
    again = clone(pipeline).fit(numbers).score_samples(numbers)

    assert np.array_equal(once, again)
    assert set(pipeline.predict(numbers)) <= {1, -1}
    assert pipeline[-1].get_params()["hidden"] == (16,)


def test_a_seed_is_reproducible(mixed: pd.DataFrame) -> None:
    """The same seed gives the same threshold and scores, whatever random numbers are drawn in between."""
    fits = []
    for seed in (1, 1, 2):
        fits.append(TabularAutoencoder(**QUICK | {"random_state": seed}).fit(mixed))
        torch.rand(1)
    first, same, other = fits

    assert np.array_equal(first.anomaly_score(mixed), same.anomaly_score(mixed))
    assert first.threshold_ == same.threshold_ != other.threshold_


def test_the_threshold_comes_from_rows_that_fit_held_out() -> None:
    """New rows exceed it at about the target rate; a threshold set on memorised rows would be far too low."""
    rng = np.random.default_rng(0)
    detector = TabularAutoencoder(**QUICK).fit(rng.normal(size=(400, 8)))

    assert len(detector.validation_scores_) == 40
    assert 0.005 < np.mean(detector.predict(rng.normal(size=(3000, 8))) == -1) < 0.15


def test_fit_does_not_change_its_input(mixed: pd.DataFrame) -> None:
    """The caller's rows are unchanged."""
    rows = mixed.copy()

    TabularAutoencoder(**QUICK).fit(rows).predict(rows)

    pd.testing.assert_frame_equal(rows, mixed)


def test_fit_predict_flags_about_the_target_share(mixed: pd.DataFrame) -> None:
    """Few of the rows it was fitted on are anomalies."""
    assert 0 < np.mean(TabularAutoencoder(**QUICK).fit_predict(mixed) == -1) < 0.2


def test_too_few_rows_warn_and_promise_what_they_can(mixed: pd.DataFrame) -> None:
    """If there are too few rows for the requested rate, a warning and the detector state the rate that is promised."""
    with pytest.warns(CalibrationWarning, match=r"0\.001 needs at least 999 .*there are 40.*promises 0\.0244 instead"):
        detector = TabularAutoencoder(**QUICK | {"target_fpr": 0.001}).fit(mixed)

    assert detector.promised_fpr_ == pytest.approx(1 / 41)
    assert detector.threshold_ == detector.validation_scores_.max()


def test_the_warning_points_at_the_caller(mixed: pd.DataFrame) -> None:
    """The warning points to the line that called `fit`, not to one of this package."""
    with pytest.warns(CalibrationWarning) as caught:
        TabularAutoencoder(**QUICK | {"target_fpr": 0.001}).fit(mixed)

    assert Path(caught[0].filename).samefile(__file__)


def test_calibrate_moves_the_threshold_and_nothing_else(mixed: pd.DataFrame) -> None:
    """Calibrating on new rows keeps the scores and changes the promise; too few rows are refused."""
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
    """Scores, decisions and threshold survive bit for bit; saving again under the same name is allowed."""
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
    """Columns in another order are refused, as by the saved detector, rather than confused."""
    fitted.save(tmp_path / "model")
    loaded = TabularAutoencoder.load(tmp_path / "model")

    assert loaded.feature_names_in_.tolist() == fitted.feature_names_in_.tolist()
    with pytest.raises(ValueError, match="same order"):
        loaded.anomaly_score(mixed[mixed.columns[::-1]])


def test_another_model_is_not_silently_kept(fitted: TabularAutoencoder, mixed: pd.DataFrame, tmp_path: Path) -> None:
    """Saving where another model is stored is an error, rather than silently keeping the old one."""
    fitted.save(tmp_path / "model")
    other = TabularAutoencoder(**QUICK | {"random_state": 9}).fit(mixed)

    with pytest.raises(ArtifactError, match="already holds model version"):
        other.save(tmp_path / "model")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="choose another directory"):
        other.save(tmp_path / "notes")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "notes"]


@pytest.mark.parametrize("call", ["predict", "score_samples", "explain", "calibrate"])
def test_an_unfitted_detector_is_refused(call: str, mixed: pd.DataFrame) -> None:
    """Before `fit`, nothing can be scored."""
    with pytest.raises(NotFittedError):
        getattr(TabularAutoencoder(), call)(mixed)


def test_saving_an_unfitted_detector_is_refused(tmp_path: Path) -> None:
    """Before `fit`, there is nothing to save."""
    with pytest.raises(NotFittedError):
        TabularAutoencoder().save(tmp_path / "model")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"load": np.inf}, "column 'load' holds an infinite value"),
        ({"load": "heavy"}, "column 'load' was float64 .* cannot be converted to float64"),
        ({"at": "once upon a time"}, "column 'at' .* cannot be converted to timestamp"),
    ],
)
def test_cells_that_do_not_fit_name_their_column(
    fitted: TabularAutoencoder, mixed: pd.DataFrame, change: dict[str, Any], complaint: str
) -> None:
    """A cell of a different type than in `fit` is an error that names the column."""
    with pytest.raises(ContractError, match=complaint):
        fitted.predict(mixed.head(3).assign(**change))


def test_columns_of_the_same_name_are_refused() -> None:
    """Two columns that cannot be told apart are an error."""
    duplicated = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "a"])

    with pytest.raises(ValueError, match=r"more than once|unique column names"):
        TabularAutoencoder(**QUICK).fit(duplicated)


def test_unusual_but_valid_columns_fit() -> None:
    """Integers beyond 2^53, datetimes in nanoseconds, categories of booleans and nullable types are accepted."""
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

"""Calibrating a model version: other thresholds for the same weights, and what the scored table then says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from median_rule import LINE
from tests_support import make_frame, run_cli

from anomaly_ae.errors import ArtifactError, CalibrationError
from anomaly_ae.modalities.tables.modality import Tables
from anomaly_ae.spec import Spec
from anomaly_ae.spec.threshold import RULES
from anomaly_ae.stages.calibrate import calibrate, explore, resolve
from anomaly_ae.stages.pipeline import Run, run
from anomaly_ae.stages.score import score
from anomaly_ae.storage import hash_file
from anomaly_ae.threshold.rules.budget import BudgetThreshold
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.threshold.rules.manual import ManualThreshold
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredTable
from anomaly_ae.workspace.workspace import Workspace

WEIGHTS = "weights.safetensors"


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    """Rows of two lines at four times of a day, with labelled anomalies for the threshold; and what to do with them."""
    directory = tmp_path_factory.mktemp("calibrate")
    frame = make_frame(1200).assign(at=pd.date_range("2026-01-01", periods=1200, freq="6h").astype(str))
    frame.to_csv(directory / "plant.csv", index=False)
    settings = {
        "workspace": str(directory / "runs"),
        "data": {
            "source": str(directory / "plant.csv"),
            "id": "part_id",
            "time": "at",
            "label": {"column": "anomaly", "anomaly_values": [1]},
        },
        "split": {"validation_anomalies": 0.6},
        "training": {"steps": 30},
        "threshold": {"target_fpr": 0.05},
    }
    (directory / "spec.yaml").write_text(json.dumps(settings), encoding="utf-8")
    return Spec.model_validate(settings)


@pytest.fixture(scope="module")
def made(spec: Spec) -> Run:
    """Return what a run of it made."""
    return run(spec)


def model_of(made: Run) -> ModelVersion:
    """Return the version that a run trained."""
    assert made.model
    return made.model


def table_of(made: Run) -> ScoredTable:
    """Return the table that a run scored."""
    assert made.table
    return made.table


def rows_of(table: ScoredTable) -> pd.DataFrame:
    """Return the scored rows of a table of one part."""
    (part,) = table.parts
    return pq.read_table(part).to_pandas()


def scored_with(made: Run) -> ScoredTable:
    """Score the rows of a run again, with the threshold now in force."""
    found = made.workspace.find_dataset(table_of(made).manifest.dataset)
    assert found
    return score(found, model_of(made), made.workspace).table


def test_what_is_kept_of_the_validation_rows(made: Run) -> None:
    """Row id, score, label, time and category of every validation row, ascending by score: any segment works later."""
    kept = model_of(made).validation.to_pandas()

    assert list(kept.columns) == ["row_id", "anomaly_score", "label", "line", "at"]
    assert kept["anomaly_score"].is_monotonic_increasing
    assert len(kept) == model_of(made).description.split["validation_rows_used"]
    assert kept["label"].sum() == model_of(made).description.split["validation_anomalies"] > 0


def test_anomalies_among_the_validation_rows_touch_no_p_value(made: Run) -> None:
    """p-values count normal validation rows alone."""
    kept = model_of(made).validation.to_pandas()
    rows = rows_of(table_of(made))

    normal = np.sort(kept.loc[~kept["label"], "anomaly_score"])
    at_least = len(normal) - np.searchsorted(normal, rows["anomaly_score"], side="left")
    assert rows["p_value"].tolist() == ((1 + at_least) / (1 + len(normal))).tolist()


def test_test_labels_touch_no_threshold(made: Run) -> None:
    """No validation row is a test row, labelled anomalies included."""
    kept = model_of(made).validation["row_id"].to_pylist()
    rows = rows_of(table_of(made)).set_index("row_id")

    assert set(rows.loc[kept, "split"]) == {"validation"}


@pytest.mark.parametrize(
    "settings",
    [
        {"rule": "budget", "alerts": 20},
        {"rule": "budget", "per": "day", "alerts": 0.2},
        {"rule": "recall", "target_recall": 0.5},
        {"rule": "precision", "target_precision": 0.2},
        {"rule": "f_beta"},
        {"rule": "cost"},
        {"rule": "manual", "threshold": 3.0},
        {"target_fpr": 0.1, "by": "line"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_every_rule_leaves_the_weights_alone(spec: Spec, made: Run, settings: dict[str, object]) -> None:
    """Another rule is one more file among the calibrations; the weights keep their hash; the next score uses it."""
    model, weights = model_of(made), model_of(made).directory / WEIGHTS
    before, rule = hash_file(weights), Spec.model_validate({"data": spec.data, "threshold": settings}).threshold

    taken = calibrate(model, rule)
    scored = scored_with(made)

    manifest = scored.manifest
    rows = rows_of(scored)
    assert hash_file(weights) == before
    assert (model.directory / "calibrations" / f"{taken.calibration_id}.json").is_file()
    assert model.calibration == taken
    assert set(rows["calibration_id"]) == {taken.calibration_id} == {manifest.calibration_id}
    assert [manifest.rule, manifest.promise, manifest.threshold] == [taken.rule, taken.promise, taken.threshold]
    assert ((rows["anomaly_score"] > rows["threshold"]) == rows["is_anomaly"]).all()
    assert ((rows["level"] == "alert") == rows["is_anomaly"]).all()
    assert rows["segment"].notna().all() == (taken.by is not None)


def test_levels_and_segments_are_in_the_scored_table(spec: Spec, made: Run) -> None:
    """Each row says whose threshold judged it, and warn means between the two thresholds of that segment."""
    taken = calibrate(model_of(made), FprThreshold(target_fpr=0.05, warn_fpr=0.2, by="line"))

    scored = scored_with(made)

    rows = rows_of(scored).set_index("row_id")
    line = pd.read_csv(spec.data.source).set_index("part_id")["line"]
    assert (rows["segment"] == line.loc[rows.index]).all()
    for segment in taken.segments:
        own = rows[rows["segment"] == segment.value]
        assert set(own["threshold"]) == {segment.threshold}
        between = (own["anomaly_score"] > segment.warn_threshold) & ~own["is_anomaly"]
        assert ((own["level"] == "warn") == between).all()


def test_the_data_fill_in_what_a_rule_leaves_open(made: Run) -> None:
    """Rows a day and the share of anomalies are measured on the training data, unless they are given."""
    about = model_of(made).description

    cost = resolve(Spec.model_validate({"data": about.spec.data, "threshold": {"rule": "cost"}}).threshold, about)

    assert resolve(BudgetThreshold(), about).rows_per_day == 4
    assert resolve(BudgetThreshold(rows_per_day=7), about).rows_per_day == 7
    assert cost.base_rate == 60 / 1200


def test_a_rule_that_cannot_be_met_leaves_the_threshold_in_force(made: Run) -> None:
    """A refusal changes no file."""
    model = model_of(made)
    calibrate(model, FprThreshold(target_fpr=0.05))
    before = {path: hash_file(path) for path in model.directory.rglob("*") if path.is_file()}

    with pytest.raises(CalibrationError, match="at least 9999 normal"):
        calibrate(model, FprThreshold(target_fpr=0.0001))

    assert {path: hash_file(path) for path in model.directory.rglob("*") if path.is_file()} == before


def test_what_if_is_of_the_validation_rows(made: Run) -> None:
    """The table is made from the stored rows, at the data's own base rate and rows a day."""
    taken = calibrate(model_of(made), ManualThreshold(threshold=2.5))

    table = explore(model_of(made))

    (row,) = [row for row in table if row.in_force]
    kept = model_of(made).validation.to_pandas()
    above = kept["anomaly_score"] > 2.5
    assert row.false_alarm_rate == above[~kept["label"]].mean() == pytest.approx(taken.n_above / taken.n_validation)
    assert row.recall == above[kept["label"]].mean()
    assert row.flagged_share == pytest.approx(0.05 * row.recall + 0.95 * row.false_alarm_rate)
    assert row.alerts_per_day == pytest.approx(4 * row.flagged_share)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (("threshold.rule=recall", "threshold.target_recall=.5"), "rule recall"),
        (("threshold.by=line", "threshold.target_fpr=.1"), "2 values of line have a threshold of their own"),
        (("threshold.by=line", "threshold.min_rows=9999"), "north: 1"),
    ],
)
@pytest.mark.usefixtures("made")
def test_the_command_says_what_it_promises(spec: Spec, rule: tuple[str, ...], said: str) -> None:
    """`calibrate` takes any rule by --set, and prints its promise and the segments."""
    overrides = [argument for setting in rule for argument in ("--set", setting)]
    done = run_cli("calibrate", *overrides, "--spec", "spec.yaml", cwd=Path(spec.data.source).parent)

    assert said in done.stdout


@pytest.fixture
def registered(made: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Register a rule of one's own for one test; no calibration by it stays in force."""
    monkeypatch.setitem(RULES.classes, *LINE)
    yield LINE[0]
    calibrate(model_of(made), FprThreshold(target_fpr=0.05))


def test_the_command_takes_a_rule_of_ones_own(spec: Spec, made: Run, registered: str) -> None:
    """A rule without a figure, registered by one line: `calibrate`, what-if and the next score use it."""
    directory, model = Path(spec.data.source).parent, model_of(made)

    done = run_cli("calibrate", "--set", f"threshold.rule={registered}", "--spec", "spec.yaml", cwd=directory)
    shown = run_cli("calibrate", "--what-if", "--spec", "spec.yaml", cwd=directory)

    kept = model.validation.to_pandas()
    taken = model.calibration
    assert "rule median" in done.stdout
    assert "No promise: ten times the median of" in done.stdout
    assert taken.threshold == 10 * kept.loc[~kept["label"], "anomaly_score"].median()
    assert f"*{taken.threshold:.6g}" in shown.stdout
    scored = scored_with(made)
    rows = rows_of(scored)
    assert set(rows["threshold"]) == {taken.threshold}


def test_the_command_shows_what_if_and_changes_nothing(spec: Spec, made: Run) -> None:
    """`--what-if` prints a line a threshold, or JSON; the threshold in force stays."""
    calibrate(model_of(made), FprThreshold(target_fpr=0.05))
    before, directory = model_of(made).calibration, Path(spec.data.source).parent

    shown = run_cli("calibrate", "--what-if", "--spec", "spec.yaml", cwd=directory).stdout
    table = json.loads(run_cli("calibrate", "--what-if", "--json", "--spec", "spec.yaml", cwd=directory).stdout)

    assert [name for name in ("alerts a day", "recall", "precision") if name not in shown] == []
    assert shown.count("\n") == len(table) + 2
    assert model_of(made).calibration == before


def test_reviewed_alerts_may_set_the_threshold(spec: Spec, made: Run) -> None:
    """Without a verdict that is refused; with verdicts the precision is that of the reviewed alerts."""
    directory, settings = Path(spec.data.source).parent, ("--set", "threshold.rule=precision")
    arguments = ("calibrate", "--reviewed", "--spec", "spec.yaml", *settings, "--set", "threshold.target_precision=.3")
    refused = run_cli(*arguments, cwd=directory, expect=3)
    calibrate(model_of(made), FprThreshold(target_fpr=0.2))
    scored = scored_with(made)
    rows = rows_of(scored)
    alerts = rows[rows["is_anomaly"]]
    verdicts = pd.DataFrame({"row_id": alerts["row_id"], "verdict": np.where(alerts["label"], "real", "false alarm")})
    verdicts.to_csv(directory / "verdicts.csv", index=False)
    run_cli("feedback", "verdicts.csv", "--scored", str(scored.directory), "--spec", "spec.yaml", cwd=directory)

    made_from = json.loads(run_cli(*arguments, "--json", cwd=directory).stdout)

    assert "no alert of anomaly_ae" in refused.stderr
    kept = alerts[alerts["anomaly_score"] > made_from["threshold"]]
    assert made_from["reviewed_sha256"] is not None
    assert made_from["threshold"] >= alerts["threshold"].min()
    assert kept["label"].mean() >= 0.3


def _count_trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every training that begins."""
    begun: list[str] = []
    fit = Tables.fit

    def noted(*arguments: Any) -> Any:
        begun.append("table")
        return fit(*arguments)

    monkeypatch.setattr(Tables, "fit", noted)
    return begun


@pytest.mark.parametrize(
    ("threshold", "share", "why"),
    [
        ({"rule": "recall"}, 0.0, "needs labelled anomalies, and there is none"),
        ({"rule": "recall", "target_recall": 0.99}, 0.6, "needs at least"),
        ({"rule": "fpr", "target_fpr": 0.0001}, 0.6, "needs at least 9999 normal validation rows"),
    ],
)
def test_what_the_number_of_rows_rules_out_is_refused_before_training(
    spec: Spec, monkeypatch: pytest.MonkeyPatch, threshold: dict[str, Any], share: float, why: str
) -> None:
    """No hour of training is spent on a promise that so many rows cannot make."""
    begun = _count_trainings(monkeypatch)
    changes = {"name": "hopeless", "threshold": threshold, "split": {"validation_anomalies": share}}

    with pytest.raises(CalibrationError, match=why):
        run(Spec.model_validate(spec.model_dump() | changes))

    assert begun == []


def test_weights_outlive_a_rule_that_their_scores_cannot_meet(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version is kept for another rule, which needs no training; it becomes no champion before."""
    begun = _count_trainings(monkeypatch)
    strict = {"rule": "recall", "target_recall": 0.9, "confidence": None}
    data = spec.data.model_dump() | {"ignore": ["heat"]}  # the column that tells
    precise = {"rule": "precision", "target_precision": 0.66}
    blind = spec.model_dump() | {"name": "kept", "data": data, "threshold": precise}

    with pytest.raises(CalibrationError, match="The version is kept"):
        run(Spec.model_validate(blind))
    with pytest.raises(ArtifactError, match="train one first"):
        Workspace.open(spec.workspace).aliased_model("kept")
    made = run(Spec.model_validate(blind | {"threshold": strict}))

    assert begun == ["table"]
    assert model_of(made).calibration.rule == "recall"

"""Tracking: off unless asked for; one MLflow run a version, entered in a real store; a dead server costs no model."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from tests_support import write_table

from anomaly_ae.errors import SpecError
from anomaly_ae.spec import DataSpec, Spec
from anomaly_ae.stages.evaluate import evaluate
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.pipeline import TRAINING, Run, run_stages
from anomaly_ae.stages.score import score
from anomaly_ae.stages.tracking import SETTING, URI, VERSION, is_tracked
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.workspace import Workspace

tracking = pytest.importorskip("mlflow.tracking", reason="the extra mlflow is not installed")


@pytest.fixture
def train_plant(spec: Spec) -> Callable[[], ModelVersion]:
    """Train the same version, and put its threshold in force, each time it is called."""
    return lambda: run_stages(Run.of(spec), TRAINING).trained.model


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty store, which is asked for."""
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv(SETTING, "mlflow")
    monkeypatch.setenv(URI, address)
    return address


def test_a_version_is_entered_once_with_its_own_metrics(train_plant: Callable[[], ModelVersion], store: str) -> None:
    """Settings, threshold, place and metrics; trained and evaluated again it is the same entry."""
    model = train_plant()
    workspace = Workspace(model.directory.parent.parent)
    dataset = workspace.find_dataset(model.description.data["dataset"])
    metrics = evaluate(score(dataset, model, workspace).table)
    train_plant()

    client = tracking.MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name("plant").experiment_id])
    assert run.data.tags[VERSION] == run.info.run_name == model.directory.name
    assert run.data.tags["anomaly_ae.location"] == str(model.directory)
    assert run.data.tags["anomaly_ae.promise"] == model.calibration.promise
    assert (run.data.params["training.steps"], run.data.params["network.kind"]) == ("5", "denoising")
    assert run.data.metrics["threshold"] == model.calibration.threshold
    assert metrics is not None
    assert run.data.metrics["average_precision"] == metrics.average_precision
    assert run.info.status == "FINISHED"


def test_metrics_on_other_rows_are_not_its_own(
    train_plant: Callable[[], ModelVersion], store: str, tmp_path: Path
) -> None:
    """A table of new rows with labels changes nothing of what is entered of the version."""
    model = train_plant()
    write_table(tmp_path / "new.csv", rows=80)
    new = {"source": str(tmp_path / "new.csv"), "id": "part_id", "label": {"column": "anomaly"}}
    workspace = Workspace(tmp_path / "runs")
    rows = ingest(DataSpec.model_validate(new), workspace).dataset
    assert evaluate(score(rows, model, workspace).table) is not None

    client = tracking.MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name("plant").experiment_id])
    assert "average_precision" not in run.data.metrics


def test_off_unless_asked_for(
    train_plant: Callable[[], ModelVersion], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address alone, set for something else, enters nothing."""
    monkeypatch.delenv(SETTING, raising=False)
    monkeypatch.setenv(URI, f"sqlite:///{tmp_path / 'mlflow.db'}")

    train_plant()

    assert not (tmp_path / "mlflow.db").exists()


def test_a_store_that_fails_costs_no_model(
    train_plant: Callable[[], ModelVersion],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The version is there and champion, and the log says that it was not entered."""
    monkeypatch.setenv(SETTING, "mlflow")
    monkeypatch.setenv(URI, "nonsense://somewhere")

    with caplog.at_level(logging.WARNING):
        model = train_plant()

    assert (model.directory / "manifest.json").is_file()
    assert Workspace(tmp_path / "runs").aliased_model("plant").version == model.version
    assert f"{model.version} is not entered in MLflow: " in caplog.text


def test_what_cannot_be_tracked_is_refused_before_training(
    train_plant: Callable[[], ModelVersion], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An unknown setting, or no address, stops training before it begins and names the variable."""
    monkeypatch.setenv(SETTING, "mlfow")
    with pytest.raises(SpecError, match=r"ANOMALY_AE_TRACKING is 'mlfow'; it may be mlflow, or off"):
        train_plant()
    monkeypatch.setenv(SETTING, "mlflow")
    monkeypatch.delenv(URI, raising=False)
    with pytest.raises(SpecError, match=r"needs MLFLOW_TRACKING_URI too"):
        is_tracked()
    assert not list((tmp_path / "runs").glob("models/*"))

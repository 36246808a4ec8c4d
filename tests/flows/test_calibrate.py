"""The flow `calibrate`: another threshold for a champion, by any rule."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from tests_support import write_table

from anomaly_ae.errors import CalibrationError
from anomaly_ae.spec.file import parse_spec
from anomaly_ae.stages.pipeline import TRAINING, Run, run_stages
from anomaly_ae.workspace.workspace import Workspace
from flows.calibrate import CalibrateParameters, calibrate


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one trained model."""
    directory = tmp_path_factory.mktemp("flow")
    write_table(directory / "plant.csv")
    label = {"column": "anomaly", "anomaly_values": [1]}
    spec = parse_spec(
        {
            "workspace": str(directory / "runs"),
            "data": {"source": str(directory / "plant.csv"), "id": "part_id", "label": label},
            "training": {"steps": 10},
        }
    )
    run_stages(Run.of(spec), TRAINING)
    return Path(spec.workspace)


def test_the_champion_gets_the_threshold(workspace: Path) -> None:
    """The calibration that the flow returns is the one in force; parameters are JSON, the rule may be left out."""
    for threshold in ({"target_fpr": 0.1}, {"rule": "budget", "alerts": 50, "by": "line"}):
        parameters = CalibrateParameters.model_validate({"workspace": str(workspace), "threshold": threshold})
        made = calibrate(parameters)

        assert Workspace(workspace).aliased_model("anomaly_ae").calibration.model_dump(mode="json") == made
        assert made["parameters"].items() >= threshold.items()


def test_what_cannot_be_met_fails_the_flow(workspace: Path) -> None:
    """A rule that needs labels says so; a misspelt setting is refused before anything runs."""
    rule = {"workspace": str(workspace), "threshold": {"rule": "recall"}}
    with pytest.raises(CalibrationError, match="needs labelled anomalies"):
        calibrate(CalibrateParameters.model_validate(rule))
    with pytest.raises(ValidationError, match="alarms"):
        CalibrateParameters.model_validate({"threshold": {"rule": "budget", "alarms": 3}})

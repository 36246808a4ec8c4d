"""Monitor: a verdict beside every scored table, from the rows that the model was not made from."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests_support import make_frame, run_cli

from anomaly_ae.errors import ArtifactError
from anomaly_ae.monitoring.validity import Validity
from anomaly_ae.spec import Spec
from anomaly_ae.stages.calibrate import calibrate
from anomaly_ae.stages.monitor import monitor
from anomaly_ae.stages.pipeline import Run, run, run_stages
from anomaly_ae.storage import read_json
from anomaly_ae.workspace.scored_table import ScoredTable


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small model of 2,000 rows, all of one law but for the labelled anomalies."""
    directory = tmp_path_factory.mktemp("plant")
    make_frame(2000).to_csv(directory / "plant.csv", index=False)
    return run(spec_of(directory))


def spec_of(directory: Path, **threshold: object) -> Spec:
    """Return the spec of a directory's `plant.csv`, without the label among the new rows' columns."""
    return Spec.model_validate(
        {
            "workspace": str(directory / "runs"),
            "data": {
                "source": str(directory / "plant.csv"),
                "id": "part_id",
                "label": {"column": "anomaly", "anomaly_values": [1]},
            },
            "threshold": {"target_fpr": 0.02, **threshold},
            "training": {"steps": 30},
        }
    )


def score_new(frame: pd.DataFrame, made: Run, directory: Path) -> ScoredTable:
    """Score new rows in the model's workspace."""
    frame.to_csv(directory / "new.csv", index=False)
    run = Run.with_model(made.trained.model, made.workspace, spec_of(directory).data, str(directory / "new.csv"))
    return run_stages(run, ("ingest", "score")).scored.table


def verdict_on(frame: pd.DataFrame, made: Run, directory: Path) -> Validity:
    """Score new rows in the model's workspace and judge them."""
    return monitor(score_new(frame, made, directory), made.trained.model)


def unlabelled(rows: int = 1000) -> pd.DataFrame:
    """Return new normal rows whose label is not known."""
    frame = make_frame(rows + rows // 10, seed=7)
    return frame[frame["anomaly"] == 0].head(rows).assign(anomaly="")


def test_every_run_has_a_verdict(made: Run) -> None:
    """`run` writes it; only test rows without the labelled anomalies are judged."""
    written = Validity.model_validate(read_json(made.scored.directory / "validity.json"))
    scored = pd.read_parquet(made.scored.directory / "part-00000.parquet")
    judged = scored[(scored["split"] == "test") & (scored["label"] == False)]  # noqa: E712 - a nullable column

    assert written == made.judged.validity
    assert (written.verdict, written.rows, written.are_normal) == ("fine", len(judged), True)
    assert written.alerts is not None
    assert written.alerts.alerts == judged["is_anomaly"].sum()
    assert {column.column for column in written.columns} == {"load", "heat", "line"}


def test_new_rows_of_the_same_kind_are_fine(made: Run, tmp_path: Path) -> None:
    """Rows drawn as the train rows were, a week later."""
    assert verdict_on(unlabelled(), made, tmp_path).verdict == "fine"


def test_inputs_that_moved_are_named(made: Run, tmp_path: Path) -> None:
    """Another mix of lines alone leaves the scores as they are: drifting, and the column comes first."""
    frame = unlabelled()
    frame["line"] = np.where(np.arange(len(frame)) % 10 == 0, "south", "north")

    found = verdict_on(frame, made, tmp_path)

    assert found.verdict == "drifting"
    assert [column.column for column in found.drifted] == ["line"]


def test_a_link_that_changed_makes_the_threshold_invalid(made: Run, tmp_path: Path) -> None:
    """Heat no longer follows load: most rows are alerts, and no anomaly explains that."""
    frame = unlabelled()
    frame["heat"] = frame["heat"].to_numpy()[::-1]

    found = verdict_on(frame, made, tmp_path)

    assert found.verdict == "invalid"
    assert found.drifted == ()


def test_a_removed_dataset_leaves_inputs_unchecked(made: Run, tmp_path: Path) -> None:
    """Alerts and scores are judged all the same, and the verdict says what was not."""
    table = score_new(unlabelled(600), made, tmp_path)
    made.workspace.dataset_directory(table.manifest.dataset).rename(tmp_path / "elsewhere")

    found = monitor(table, made.trained.model)

    assert found.verdict == "fine"
    assert found.columns == ()
    assert "was removed" in (found.inputs_not_checked or "")


def test_few_new_rows_are_unknown(made: Run, tmp_path: Path) -> None:
    """Twenty rows say nothing."""
    assert verdict_on(unlabelled(20), made, tmp_path).verdict == "unknown"


def test_the_threshold_that_scored_is_judged(made: Run, tmp_path: Path) -> None:
    """A later calibration changes nothing about a table that was scored before it."""
    table, model = score_new(unlabelled(800), made, tmp_path), made.trained.model
    before = monitor(table, model)
    calibrate(model, spec_of(tmp_path, target_fpr=0.3).threshold)

    after = monitor(table, model)
    calibrate(model, spec_of(tmp_path).threshold)

    assert after == before


def test_segments_do_not_pass_for_a_surplus(tmp_path: Path) -> None:
    """Twenty thresholds from thirty rows each promise 1 in 31 each; together they keep that, and it is fine."""
    frame = make_frame(4000).assign(machine=np.arange(4000) % 20)
    frame.to_csv(tmp_path / "plant.csv", index=False)
    spec = spec_of(tmp_path, target_fpr=0.04, by="machine", min_rows=25)
    spec = spec.model_copy(update={"data": spec.data.model_copy(update={"entity": "machine"})})

    made = run(spec)

    assert made.judged.validity.verdict == "fine"
    assert made.judged.validity.alerts is not None
    assert 0.02 < made.judged.validity.alerts.expected_rate < 0.045


def test_a_dataset_that_is_another_is_refused(made: Run, tmp_path: Path) -> None:
    """Cells are read beside scores by their place; parts of other lengths are an error that names both."""
    table = score_new(unlabelled(700), made, tmp_path)
    (part,) = table.dataset.parts
    pd.read_parquet(part).head(5).to_parquet(part)

    with pytest.raises(ArtifactError, match=r"has 700 rows, but .* has 5"):
        monitor(table, made.trained.model)


def test_commands_say_the_verdict(tmp_path: Path) -> None:
    """`run` prints it in a line and in its JSON; `score` too."""
    make_frame(600).to_csv(tmp_path / "plant.csv", index=False)
    spec = spec_of(tmp_path)
    (tmp_path / "spec.yaml").write_text(json.dumps(spec.model_dump(mode="json")), encoding="utf-8")

    printed = run_cli("run", "--spec", "spec.yaml", cwd=tmp_path).stdout
    scored = json.loads(run_cli("score", "--spec", "spec.yaml", "--json", cwd=tmp_path).stdout)

    assert f"validity   {scored['validity']['verdict']}: {scored['validity']['meaning']}" in printed

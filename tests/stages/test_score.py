"""Scoring: every row accounted for, models that fit, tables that can be judged again."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests_support import make_frame, run_cli, write_table

from anomaly_ae import TabularAutoencoder
from anomaly_ae.errors import ArtifactError
from anomaly_ae.report.wording import number
from anomaly_ae.scoring.schema import scored_schema
from anomaly_ae.spec import DataSpec, Spec
from anomaly_ae.stages.calibrate import calibrate
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.judge import judge
from anomaly_ae.stages.pipeline import run
from anomaly_ae.stages.publish_scored import publish_scored, scored_directory
from anomaly_ae.stages.report import report
from anomaly_ae.stages.score import score
from anomaly_ae.stages.score_part import score_part
from anomaly_ae.storage import open_staging, read_json
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.workspace import Workspace


def test_rows_in_are_rows_scored_plus_rows_rejected(tmp_path: Path) -> None:
    """Rows that cannot be used are beside the scored ones, with a reason; none is lost."""
    frame = make_frame().astype({"load": object})
    frame.loc[[3, 70], "load"] = ["n/k", "12,5"]
    frame.to_csv(tmp_path / "plant.csv", index=False)
    made = run(spec_of(tmp_path))

    manifest = read_json(made.scored.directory / "manifest.json")
    rejected = pq.read_table(made.scored.directory / "rejected.parquet").to_pylist()
    scored = pq.read_table(made.scored.directory / "part-00000.parquet")

    assert (manifest["rows_in"], scored.num_rows, len(rejected)) == (600, 598, 2)
    assert [row["source_row"] for row in rejected] == [4, 71]
    assert {row["reject_reason"] for row in rejected} == {"not_numeric: column 'load'"}


def test_schema_is_pinned_whatever_the_rows(tmp_path: Path) -> None:
    """Columns, types and descriptions are those of the contract, the user's own id after the source columns."""
    write_table(tmp_path / "plant.csv")
    made = run(spec_of(tmp_path))

    schema = pq.read_schema(made.scored.directory / "part-00000.parquet")

    pinned = scored_schema((schema.field("part_id"),))
    assert schema.equals(pinned)
    assert schema.metadata[b"anomaly_ae.schema_version"] == b"1"
    ours = [name for name in schema.names if name != "part_id"]
    described = {name: schema.field(name).metadata[b"description"] for name in ours}
    assert described == {name: pinned.field(name).metadata[b"description"] for name in ours}


def test_split_is_named_for_rows_the_model_was_made_from(tmp_path: Path) -> None:
    """Labelled anomalies are test rows; train and validation hold normal rows only."""
    write_table(tmp_path / "plant.csv")
    made = run(spec_of(tmp_path))

    rows = pq.read_table(made.scored.directory / "part-00000.parquet").to_pandas()

    assert set(rows["split"]) == {"train", "validation", "test"}
    assert not rows.loc[rows["split"] != "test", "label"].any()


def test_an_older_table_keeps_its_report_after_a_new_calibration(tmp_path: Path) -> None:
    """The report is about the threshold a table was scored with, not the one now in force."""
    write_table(tmp_path / "plant.csv")
    made = run(spec_of(tmp_path))
    run_cli("calibrate", "--spec", str(tmp_path / "spec.yaml"), "--target-fpr", "0.2", cwd=tmp_path)

    page = report(made.scored.table).read_text(encoding="utf-8")

    assert number(made.scored.threshold) in page


def test_a_saved_estimator_scores_files(tmp_path: Path) -> None:
    """What `TabularAutoencoder.save` wrote, wherever it lies, is a model version: it scores, is judged and reported."""
    frame = make_frame()[["load", "heat"]]
    frame.to_csv(tmp_path / "plant.csv", index=False)
    detector = TabularAutoencoder(steps=30, random_state=0, target_fpr=0.05).fit(frame)
    detector.save(tmp_path / "model")
    workspace, model = Workspace(tmp_path / "runs"), ModelVersion.open(tmp_path / "model")
    dataset = ingest(DataSpec(source=str(tmp_path / "plant.csv")), workspace).dataset

    made = score(dataset, model, workspace)

    scored = pq.read_table(made.directory / "part-00000.parquet")["anomaly_score"].to_numpy()
    assert scored.tolist() == detector.anomaly_score(frame).tolist()
    assert judge(made.table, model).validity is not None
    assert report(made.table, model).is_file()


def test_a_threshold_replaced_meanwhile_is_noticed(tmp_path: Path) -> None:
    """Rows judged by one threshold are never published under another."""
    write_table(tmp_path / "plant.csv")
    made = run(spec_of(tmp_path))
    dataset, model = made.ingested.dataset, made.trained.model
    staging = open_staging(scored_directory(dataset, model, Workspace(tmp_path / "elsewhere")))
    (part,) = dataset.parts
    alerts = score_part(part, dataset, model, staging.path)
    calibrate(model, FprThreshold(target_fpr=0.2))

    with pytest.raises(ArtifactError, match="replaced while"):
        publish_scored(staging, dataset, model, alerts)

    assert not staging.target.exists()


def test_rows_of_other_columns_are_refused(tmp_path: Path) -> None:
    """A dataset whose columns are not the model's is an error that names the first one."""
    write_table(tmp_path / "plant.csv")
    made = run(spec_of(tmp_path))
    make_frame()[["load"]].astype(str).add("x").assign(heat="warm").to_csv(tmp_path / "other.csv", index=False)
    other = DataSpec(source=str(tmp_path / "other.csv"), roles={"heat": "categorical", "load": "categorical"})
    dataset = ingest(other, made.workspace).dataset

    with pytest.raises(ArtifactError, match="load"):
        score(dataset, made.trained.model, made.workspace)


def spec_of(directory: Path) -> Spec:
    """Return, and write beside it, the spec of a directory's `plant.csv`."""
    settings = {
        "workspace": str(directory / "runs"),
        "data": {
            "source": str(directory / "plant.csv"),
            "id": "part_id",
            "roles": {"load": "numeric"},
            "label": {"column": "anomaly", "anomaly_values": [1]},
        },
        "training": {"steps": 30},
    }
    (directory / "spec.yaml").write_text(json.dumps(settings), encoding="utf-8")
    return Spec.model_validate(settings)

"""Feedback: verdicts are joined to their scores, stored once, and keep anomalies out of later training."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests_support import run_cli, write_table

from anomaly_ae.errors import AnomalyAEError, ContractError, SourceError
from anomaly_ae.feedback.records import known_anomalies, read_feedback, reviewed_rows
from anomaly_ae.feedback.verdicts import read_verdicts
from anomaly_ae.stages.feedback import FeedbackResult, feedback, feedback_sentences
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredTable
from anomaly_ae.workspace.workspace import Workspace

STEPS = ("--set", "training.steps=10", "--set", "network.members=1", "--set", "threshold.target_fpr=0.05")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the result of a run on the small table; it has no label column, so that all rows may be trained on."""
    directory = tmp_path_factory.mktemp("feedback")
    write_table(directory / "plant.csv")
    text = "data:\n  source: plant.csv\n  id: part_id\n  ignore: [anomaly]\n"
    (directory / "anomaly_ae.yaml").write_text(text, encoding="utf-8")
    return {"cwd": directory, **json.loads(run_cli("run", "--json", *STEPS, cwd=directory).stdout)}


@pytest.fixture
def workspace(made: dict[str, Any]) -> Workspace:
    """Return the workspace of the run, without feedback."""
    workspace = Workspace(made["cwd"] / "anomaly_ae_runs")
    for file in workspace.location.glob("feedback/*/*.parquet"):
        file.unlink()
    return workspace


@pytest.fixture
def scored(made: dict[str, Any], workspace: Workspace) -> Path:
    """Return the directory of the scored table."""
    return workspace.scored_directory(Path(made["scored"]["directory"]).name)


@pytest.fixture
def alerts(scored: Path) -> list[str]:
    """Return the ids of the alerts, highest first."""
    rows = pd.read_parquet(scored / "part-00000.parquet").query("is_anomaly")
    return rows.sort_values("anomaly_score", ascending=False)["row_id"].tolist()


def give(path: Path, scored: Path, verdicts: dict[str, str]) -> FeedbackResult:
    """Submit verdicts as CSV."""
    pd.DataFrame({"row_id": list(verdicts), "verdict": list(verdicts.values())}).to_csv(path, index=False)
    return feedback(path, ScoredTable.open(scored))


def test_precision_is_that_of_the_alerts_judged(tmp_path: Path, scored: Path, alerts: list[str]) -> None:
    """Three of four judged alerts are real; unsure verdicts and rows that are no alerts do not count."""
    normal = pd.read_parquet(scored / "part-00000.parquet").query("not is_anomaly")["row_id"].iloc[0]
    spellings = ["real", "Real", "REAL ", "False_Alarm", "unsure"]
    verdicts = dict(zip(alerts[:5], spellings, strict=True)) | {normal: "false alarm"}

    found = give(tmp_path / "verdicts.csv", scored, verdicts)

    assert (found.reviewed, found.real, found.false_alarms, found.unsure) == (6, 3, 2, 1)
    assert (found.alerts, found.alerts_judged, found.precision) == (len(alerts), 4, 0.75)
    assert found.precision_interval == pytest.approx((0.3006, 0.9544), abs=1e-4)
    assert any("recall cannot be known" in line for line in feedback_sentences(found))


def test_without_a_judged_alert_precision_is_undefined(tmp_path: Path, scored: Path, alerts: list[str]) -> None:
    """If all verdicts are unsure, precision is None, never 0."""
    found = give(tmp_path / "verdicts.csv", scored, {alerts[0]: "unsure"})

    assert (found.precision, found.precision_interval) == (None, None)
    assert "undefined" in " ".join(feedback_sentences(found))


def test_the_same_verdicts_are_stored_once(
    tmp_path: Path, workspace: Workspace, scored: Path, alerts: list[str]
) -> None:
    """Verdicts submitted twice, in another order and as Parquet, are one file, which holds the rows' scores."""
    first = give(tmp_path / "verdicts.csv", scored, {alerts[0]: "real", alerts[1]: "false alarm"})
    table = pa.table({"verdict": ["false alarm", "real"], "row_id": [alerts[1], alerts[0]]})
    pq.write_table(table, tmp_path / "verdicts.parquet")
    again = feedback(tmp_path / "verdicts.parquet", ScoredTable.open(scored))

    kept = read_feedback(workspace.feedback_directory("anomaly_ae")).set_index("row_id")
    scores = pd.read_parquet(scored / "part-00000.parquet").set_index("row_id")["anomaly_score"]
    assert (first.reused, again.reused, first.file) == (False, True, again.file)
    assert kept["anomaly_score"].to_dict() == scores[alerts[:2]].to_dict()
    assert len(list(workspace.location.glob("feedback/anomaly_ae/*"))) == 1


def test_a_later_verdict_replaces_an_earlier_and_both_are_kept(
    tmp_path: Path, workspace: Workspace, scored: Path, alerts: list[str], made: dict[str, Any]
) -> None:
    """The latest verdict on a row is in force; submitting an earlier file again does not undo it, and reports that."""
    give(tmp_path / "first.csv", scored, {alerts[0]: "real", alerts[1]: "real"})
    give(tmp_path / "later.csv", scored, {alerts[1]: "false alarm"})
    again = feedback(tmp_path / "first.csv", ScoredTable.open(scored))

    rows = reviewed_rows(workspace.feedback_directory("anomaly_ae"), made["trained"]["version"])
    assert dict(zip(rows["row_id"].to_pylist(), rows["label"].to_pylist(), strict=True)) == {
        alerts[0]: True,
        alerts[1]: False,
    }
    assert (again.reused, again.replaced) == (True, 1)
    assert known_anomalies(workspace.feedback_directory("anomaly_ae")) == (alerts[0],)
    assert len(read_feedback(workspace.feedback_directory("anomaly_ae"))) == 3


def test_reviewed_rows_are_those_of_one_version(
    tmp_path: Path, workspace: Workspace, scored: Path, alerts: list[str]
) -> None:
    """Scores of another model version are on another scale, and unsure rows have no label."""
    give(tmp_path / "verdicts.csv", scored, {alerts[0]: "unsure", alerts[1]: "real"})

    assert reviewed_rows(workspace.feedback_directory("anomaly_ae"), "another").num_rows == 0
    assert reviewed_rows(workspace.feedback_directory("nobody"), "another").schema.names == [
        "row_id",
        "anomaly_score",
        "threshold",
        "label",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("row_id,verdict\np00000,real\nnobody,real\n", r"row 2: no row of .* has this row_id"),
        ("row_id,verdict\np00000,real\np00020,maybe\np00040,\n", r"row 2: unknown verdict; use real, false"),
        ("row_id,verdict\np00000,real\np00000,unsure\n", r"row 2: duplicate row_id"),
        ("row_id,verdict\n,real\n", r"row 1: no row_id"),
        ("row_id,verdict\np00000,\n", r"no row has a verdict"),
        ("row_id,verdict,source_file\np00000,real,other.csv\n", r"row 1: .* another source_file"),
        ("row_id,verdikt\np00000,real\n", r"no column 'verdict'"),
        ("row_id,verdict,row_id\np00000,real,p1\n", r"column 'row_id' twice"),
        ("row_id,verdict\np00000,real,late\n", r"Row #2: Expected 2 columns, got 3"),
        ("", r"Empty CSV"),
        ("row_id,verdict\n" + "".join(f"p{n},real\n" for n in range(20)), r"20 rows, 1, 2, 3, .* 10, \.\.\."),
    ],
)
def test_a_faulty_file_is_refused_whole(
    tmp_path: Path, workspace: Workspace, scored: Path, text: str, said: str
) -> None:
    """The message names the faulty rows, and nothing of the file is stored."""
    (tmp_path / "verdicts.csv").write_text(text, encoding="utf-8")

    with pytest.raises(AnomalyAEError, match=said) as refused:
        feedback(tmp_path / "verdicts.csv", ScoredTable.open(scored))

    assert isinstance(refused.value, ContractError | SourceError)
    assert not list(workspace.location.glob("feedback/*/*"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A missing file is a source error that names it."""
    with pytest.raises(SourceError, match=r"nowhere\.csv does not exist"):
        read_verdicts(tmp_path / "nowhere.csv")


def test_an_exported_table_may_be_partly_filled_in(tmp_path: Path) -> None:
    """Other columns are ignored, rows without a verdict are left out, and ids that look like numbers stay text."""
    text = '\ufeffrow_id,anomaly_score,verdict,note\n007,3.5,real,"line 1\nline 2"\n008,1.5,,\n'
    (tmp_path / "verdicts.csv").write_text(text, encoding="utf-8")

    (verdict,) = read_verdicts(tmp_path / "verdicts.csv").to_pylist()

    assert verdict == {"row_id": "007", "source_file": "", "verdict": "real", "note": "line 1\nline 2", "row": 1}


def test_real_anomalies_are_left_out_of_later_training(
    tmp_path: Path, made: dict[str, Any], scored: Path, alerts: list[str]
) -> None:
    """They are in no split but test, and the version and its card name them; the setting turns this off."""
    split = pd.read_parquet(scored / "part-00000.parquet").set_index("row_id")["split"]
    real = [row for row in alerts if split[row] in {"train", "validation"}][:3]
    pd.DataFrame({"row_id": real, "verdict": "real"}).to_csv(tmp_path / "verdicts.csv", index=False)
    run_cli("feedback", str(tmp_path / "verdicts.csv"), "--scored", str(scored), cwd=made["cwd"])

    again = json.loads(run_cli("run", "--json", *STEPS, cwd=made["cwd"]).stdout)
    kept = json.loads(
        run_cli("train", "--json", *STEPS, "--set", "training.exclude_reviewed=false", cwd=made["cwd"]).stdout
    )

    about = ModelVersion.open(made["cwd"] / again["trained"]["directory"]).description
    rows = pd.read_parquet(made["cwd"] / again["scored"]["directory"] / "part-00000.parquet").set_index("row_id")
    assert again["trained"]["version"] not in {made["trained"]["version"], kept["version"]}
    assert about.split_rule.excluded == tuple(sorted(real))
    assert about.split["unused_rows"] == len(real)
    assert rows["split"][real].isna().all()
    assert rows["split"].notna().sum() == 600 - len(real)
    assert min(real) in (made["cwd"] / again["trained"]["directory"] / "card.md").read_text(encoding="utf-8")


def test_the_command_prints_precision_with_its_interval(
    tmp_path: Path, made: dict[str, Any], scored: Path, alerts: list[str]
) -> None:
    """`anomaly-ae feedback` prints counts and precision with its interval; an error sets the exit code."""
    pd.DataFrame({"row_id": alerts[:2], "verdict": "real"}).to_csv(tmp_path / "verdicts.csv", index=False)

    done = run_cli("feedback", str(tmp_path / "verdicts.csv"), "--scored", str(scored), cwd=made["cwd"])
    refused = run_cli("feedback", "nowhere.csv", "--scored", str(scored), cwd=made["cwd"], expect=3)

    assert "2 rows reviewed: 2 real" in done.stdout
    assert "precision 1.000 (95% interval 0.342 to 1.000)" in done.stdout
    assert "nowhere.csv does not exist" in refused.stderr

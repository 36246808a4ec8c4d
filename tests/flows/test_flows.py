"""The flows: the same steps under Prefect, with paths between tasks and a summary at the end."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort
from pydantic import BaseModel, ValidationError
from tests_support import write_table

from anomaly_ae.errors import ContractError
from anomaly_ae.monitoring.validity import Validity
from anomaly_ae.spec import Spec
from anomaly_ae.spec.file import parse_spec
from anomaly_ae.stages.pipeline import run
from anomaly_ae.stories.grouping import Story
from flows.evaluate import EvaluateParameters, evaluate
from flows.feedback import FeedbackParameters, feedback
from flows.ingest import IngestParameters, ingest
from flows.pipeline import PipelineParameters, pipeline
from flows.score import ScoreParameters, score
from flows.summary import summarise
from flows.train import TrainParameters, train


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """A small table and what to do with it."""
    write_table(tmp_path / "plant.csv")
    label = {"column": "anomaly", "anomaly_values": [1]}
    return parse_spec(
        {
            "workspace": str(tmp_path / "runs"),
            "data": {"source": str(tmp_path / "plant.csv"), "id": "part_id", "label": label},
            "training": {"steps": 30},
        }
    )


def test_pipeline_makes_what_the_steps_make(spec: Spec, tmp_path: Path) -> None:
    """The flow's scored table has the same bytes as the steps called without Prefect, in another workspace."""
    done = pipeline(PipelineParameters(spec=spec))
    plain = run(spec.model_copy(update={"workspace": str(tmp_path / "plain")}))

    part = "part-00000.parquet"
    assert (Path(done["scored"]["directory"]) / part).read_bytes() == (plain.scored.directory / part).read_bytes()
    assert done["metrics"] == plain.judged.metrics.model_dump(mode="json")
    assert done["validity"]["verdict"] == plain.judged.validity.verdict
    assert Path(done["report"]).is_file()


def test_what_flows_hand_on_is_json(spec: Spec) -> None:
    """A flow's result is paths, numbers and text: it survives JSON unchanged."""
    done = pipeline(PipelineParameters(spec=spec))

    assert json.loads(json.dumps(done)) == done


def test_single_flows_reach_the_same_table(spec: Spec) -> None:
    """ingest, train, score and evaluate, one flow after the other, judge new rows with the champion."""
    dataset = ingest(IngestParameters(data=spec.data, workspace=spec.workspace))
    trained = train(TrainParameters(spec=spec))
    scored = score(ScoreParameters(source=spec.data.source, workspace=spec.workspace))
    judged = evaluate(EvaluateParameters(scored=scored["scored"]["directory"]))

    rows = pq.read_table(Path(scored["scored"]["directory"]) / "part-00000.parquet")
    assert dataset["rows_accepted"] == rows.num_rows == 600
    assert set(rows["model_version"].to_pylist()) == {trained["version"]}
    assert judged["metrics"] == scored["metrics"]


def newest_artifacts() -> dict[str, Artifact]:
    """Return the newest artifact on the server under each key."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(sort=ArtifactSort.CREATED_DESC)
    return {artifact.key: artifact for artifact in reversed(found) if artifact.key}


def test_a_run_leaves_a_summary_the_top_anomalies_and_a_link(spec: Spec) -> None:
    """The summary says verdict, counts, stories and metrics; the table holds every reason; the link is the report."""
    done = pipeline(PipelineParameters(spec=spec))

    artifacts = newest_artifacts()
    summary, top, link = (artifacts[f"anomaly-ae-{key}"] for key in ("summary", "top", "report"))
    assert (summary.type, top.type) == ("markdown", "table")
    scored = done["scored"]
    assert f"# {scored['alerts']} of {scored['rows_scored']} rows are above the threshold" in str(summary.data)
    assert "heat above normal" in str(summary.data)
    assert "average\\_precision" in str(summary.data)
    rows = json.loads(str(top.data))
    assert len(rows) == 20
    assert {reason.split(":")[0] for reason in rows[0]["reasons"].split("; ")} == {"load", "heat", "line"}
    assert Path(done["report"]).absolute().as_uri() in str(link.data)


SCORED = {
    "directory": "runs/scored/0",
    "rows_in": 9,
    "rows_scored": 8,
    "rows_rejected": 1,
    "alerts": 1,
    "threshold": 0.1,
    "promise": "At most 0.01.",
}


def test_the_summary_says_whether_the_threshold_still_holds() -> None:
    """The verdict of a scored table is told where one was given, and left out where none was."""
    verdict = Validity(verdict="drifting", meaning="Inputs moved.", rows=9, are_normal=True)

    told, untold = (summarise(SCORED, validity, (), None, "file:///report") for validity in (verdict, None))

    assert "## Threshold\n- drifting: Inputs moved." in told
    assert "## Threshold" not in untold


def test_names_and_cells_mean_nothing_to_markdown() -> None:
    """A column that is called like a tag, a link or a table stays text on Prefect's pages."""
    hostile = Story("<img src=x> [a](b) | *c*\n# d above normal", (), rows=1, share=1.0, median_score=1.0)

    text = summarise(SCORED, None, (hostile,), None, "file:///report")

    assert "- 1 alert (100%): \\<img src=x\\> \\[a\\](b) \\| \\*c\\* \\# d above normal" in text


def test_verdicts_come_back_through_a_flow(spec: Spec, tmp_path: Path) -> None:
    """The flow stores what the step stores, and leaves the precision on the server."""
    done = pipeline(PipelineParameters(spec=spec))
    (tmp_path / "verdicts.csv").write_text("row_id,verdict\np00000,real\n", encoding="utf-8")

    parameters = FeedbackParameters(verdicts=str(tmp_path / "verdicts.csv"), scored=done["scored"]["directory"])
    first, again = feedback(parameters), feedback(parameters)

    assert (first["reviewed"], first["reused"], again["reused"]) == (1, False, True)
    assert again["file"] == first["file"]
    assert "recall cannot be known" in str(newest_artifacts()["anomaly-ae-feedback"].data)


@pytest.mark.parametrize(
    "parameters",
    [IngestParameters, TrainParameters, ScoreParameters, EvaluateParameters, FeedbackParameters, PipelineParameters],
)
def test_parameters_refuse_unknown_keys(parameters: type[BaseModel]) -> None:
    """A misspelt parameter is refused before anything runs."""
    with pytest.raises(ValidationError, match="thresholds"):
        parameters.model_validate({"thresholds": 1})


def test_faults_of_the_data_are_not_retried(spec: Spec, tmp_path: Path) -> None:
    """Rows that break the contract fail at once; only faults of the storage are tried again."""
    (tmp_path / "plant.csv").write_text("part_id,anomaly\n", encoding="utf-8")

    with pytest.raises(ContractError):
        ingest(IngestParameters(data=spec.data, workspace=spec.workspace))

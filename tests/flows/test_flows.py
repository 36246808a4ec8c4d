"""The flows: the same steps under Prefect, with paths between tasks and a summary at the end."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prefect.client.orchestration import get_client
from pydantic import BaseModel, ValidationError
from tests_support import write_table

from anomaly_ae.errors import ContractError
from anomaly_ae.spec import Spec
from anomaly_ae.spec_file import parse_spec
from anomaly_ae.steps.pipeline import run
from flows.evaluate import EvaluateParameters, evaluate
from flows.ingest import IngestParameters, ingest
from flows.pipeline import PipelineParameters, pipeline
from flows.score import ScoreParameters, score
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
    assert done["metrics"] == plain.metrics.model_dump()
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


def test_a_run_leaves_a_summary_and_the_top_anomalies(spec: Spec) -> None:
    """Each run has a markdown and a table artifact on the server."""
    pipeline(PipelineParameters(spec=spec))

    with get_client(sync_client=True) as client:
        kinds = {artifact.key: artifact.type for artifact in client.read_artifacts()}
    assert kinds.items() >= {"anomaly-ae-summary": "markdown", "anomaly-ae-top": "table"}.items()


@pytest.mark.parametrize(
    "parameters", [IngestParameters, TrainParameters, ScoreParameters, EvaluateParameters, PipelineParameters]
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

"""Log lines: every stage says in one line of JSON which run it was, what it made, and of how many rows."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from tests_support import write_table

from anomaly_ae.spec import Spec
from anomaly_ae.stages.pipeline import STAGES
from flows.feedback import FeedbackParameters, feedback
from flows.nightly import NightlyParameters, nightly
from flows.pipeline import PipelineParameters, pipeline
from flows.stages import TASKS


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """A small table and what to do with it."""
    write_table(tmp_path / "plant.csv")
    return Spec.model_validate(
        {
            "workspace": str(tmp_path / "runs"),
            "data": {"source": str(tmp_path / "plant.csv"), "id": "part_id", "label": {"column": "anomaly"}},
            "network": {"kind": "denoising"},
            "threshold": {"target_fpr": 0.05},
            "training": {"steps": 5},
        }
    )


def lines(caplog: pytest.LogCaptureFixture) -> dict[str, dict[str, Any]]:
    """Return the last line of each stage."""
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("prefect.")]
    read = [json.loads(line) for line in logged if line.startswith('{"stage"')]
    return {line["stage"]: line for line in read}


def test_each_step_says_run_and_rows(spec: Spec, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Ingest to report in the order of STAGES, the night, feedback; the run is the one in the table's manifest."""
    verdicts = tmp_path / "verdicts.csv"
    verdicts.write_text("row_id,verdict\np00000,real\n", encoding="utf-8")
    with caplog.at_level(logging.INFO):
        done = pipeline(PipelineParameters(spec=spec))
        manifest = json.loads((Path(done["scored"]["directory"]) / "manifest.json").read_text())
        whole = lines(caplog)
        feedback(FeedbackParameters(verdicts=str(verdicts), scored=done["scored"]["directory"]))
        write_table(tmp_path / "new.csv", rows=70)
        nightly(NightlyParameters(source=str(tmp_path / "new.csv"), workspace=spec.workspace))

    assert list(whole) == [stage.name for stage in STAGES] == list(TASKS)
    assert {line["run_id"] for line in whole.values()} == {manifest["run_id"]}
    assert (whole["ingest"]["rows_in"], whole["ingest"]["rows_rejected"]) == (600, 0)
    assert whole["train"]["train_rows"] > whole["train"]["validation_rows"] > 0
    assert (whole["score"]["rows_scored"], whole["judge"]["verdict"]) == (600, done["validity"]["verdict"])
    assert whole["judge"]["rows"] == done["metrics"]["rows"]
    assert whole["report"]["page"] == done["report"]
    assert lines(caplog)["feedback"]["reviewed"] == 1
    assert (lines(caplog)["score-new"]["new"], lines(caplog)["score-new"]["rows_scored"]) == (1, 70)

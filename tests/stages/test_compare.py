"""Compare: simple methods beside the model, on its train rows and the rows that it is judged on."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests_support import make_frame, run_cli

from anomaly_ae.evaluation.comparison import MODEL
from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.spec import Spec
from anomaly_ae.stages import compare as step
from anomaly_ae.stages.evaluate import evaluate
from anomaly_ae.stages.pipeline import Run, run
from anomaly_ae.storage import read_json
from anomaly_ae.workspace.scored_table import ScoredTable


def run_in(directory: Path, frame: pd.DataFrame, **training: object) -> Run:
    """Run the pipeline on a table."""
    frame.to_csv(directory / "plant.csv", index=False)
    settings = {
        "workspace": str(directory / "runs"),
        "data": {
            "source": str(directory / "plant.csv"),
            "id": "part_id",
            "label": {"column": "anomaly", "anomaly_values": [1]},
        },
        "threshold": {"target_fpr": 0.02},
        "training": {"steps": 100, **training},
    }
    (directory / "spec.yaml").write_text(json.dumps(settings), encoding="utf-8")
    return run(Spec.model_validate(settings))


def test_all_methods_rank_the_judged_rows(tmp_path: Path) -> None:
    """metrics.json holds five methods with intervals; the model's numbers are those of the metrics."""
    made = run_in(tmp_path, make_frame(1000))

    metrics = Metrics.model_validate(read_json(made.scored.directory / "metrics.json"))

    assert metrics == made.judged.metrics
    assert metrics.baselines is not None
    names = [ranking.method for ranking in metrics.baselines.rankings]
    assert names == [MODEL, "untrained network", "PCA reconstruction", "robust z-score", "isolation forest"]
    assert metrics.baselines.rankings[0].roc_auc == pytest.approx(metrics.roc_auc)
    assert metrics.baselines.rankings[0].average_precision == pytest.approx(metrics.average_precision)
    assert (metrics.baselines.rows, metrics.baselines.anomalies) == (metrics.rows, metrics.anomalies)


def test_a_baseline_that_wins_is_said_so(tmp_path: Path) -> None:
    """Anomalies that are one extreme cell in a table of noise are the z-score's own; the printed lines say it."""
    frame = make_frame(1500)
    noise = pd.DataFrame({f"noise_{one}": make_frame(1500, seed=one)["load"] for one in range(1, 25)})
    frame["heat"] = make_frame(1500, seed=99)["load"] + 55 * frame["anomaly"]
    made = run_in(tmp_path, frame.join(noise))

    printed = run_cli("evaluate", "--spec", "spec.yaml", cwd=tmp_path).stdout

    assert made.judged.metrics is not None
    assert made.judged.metrics.baselines is not None
    assert any(
        line.startswith("robust z-score ranks these rows better") for line in made.judged.metrics.baselines.sentences
    )
    assert "robust z-score ranks these rows better than the autoencoder: AP" in printed


def test_what_is_gone_is_said_and_no_error(tmp_path: Path) -> None:
    """Without the dataset, or the model version, metrics are written all the same, with the reason."""
    made = run_in(tmp_path, make_frame())
    shutil.rmtree(made.ingested.directory)

    without_data = evaluate(ScoredTable.open(made.scored.directory))
    shutil.rmtree(made.trained.directory)
    without_model = evaluate(ScoredTable.open(made.scored.directory))

    assert without_data is not None
    assert without_data.baselines is not None
    assert "was removed" in (without_data.baselines.not_made or "")
    assert without_model is not None
    assert without_model.baselines is not None
    assert "not in this workspace" in (without_model.baselines.not_made or "")
    assert without_model.roc_auc == without_data.roc_auc


def test_many_rows_are_sampled_alike_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the cap a part of the rows is ranked, the same in every run, and the comparison says how many."""
    made = run_in(tmp_path, make_frame(1000))
    monkeypatch.setattr(step, "MAX_ROWS", 100)
    monkeypatch.setattr(step, "MAX_TRAIN_ROWS", 200)

    first, second = (evaluate(ScoredTable.open(made.scored.directory)) for _ in range(2))

    assert first == second
    assert first is not None
    assert first.baselines is not None
    assert 60 < first.baselines.rows < 140
    assert 140 < first.baselines.train_rows < 260
    assert first.rows > 200


def test_trimmed_rows_teach_no_method(tmp_path: Path) -> None:
    """What `training.robust` left out of the train rows is left out for the simple methods too."""
    frame = make_frame(1000).astype({"anomaly": object})
    frame.loc[frame.index[::40], ["heat", "anomaly"]] = [5000.0, ""]
    made = run_in(tmp_path, frame, robust=True)

    split = made.trained.model.description.split
    assert made.judged.metrics is not None
    assert made.judged.metrics.baselines is not None
    assert split["train_rows_trimmed"] > 0
    assert made.judged.metrics.baselines.train_rows == split["train_rows_used"] - split["train_rows_trimmed"]

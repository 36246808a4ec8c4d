"""The command line: what a person types, what comes out, and what is said when it cannot be done."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from plant_support import STEPS
from tests_support import run_cli, write_table


def test_run_runs_the_whole_pipeline_and_a_second_run_reuses_it(tmp_path: Path) -> None:
    """`init` and `run` lead from an unknown CSV to a report; a second `run` finds everything done."""
    write_table(tmp_path / "plant.csv")
    run_cli("init", "plant.csv", cwd=tmp_path)

    first = run_cli("run", "--json", "--set", "training.steps=30", cwd=tmp_path)
    second = run_cli("run", "--json", "--set", "training.steps=30", cwd=tmp_path)

    made, again = json.loads(first.stdout), json.loads(second.stdout)
    assert Path(made["report"]).is_file()
    assert made["scored"]["rows_in"] == made["scored"]["rows_scored"] == 600
    assert made["metrics"]["anomalies"] == 30
    assert [again[step]["reused"] for step in ("ingested", "trained", "scored")] == [True, True, True]
    assert again["scored"]["directory"] == made["scored"]["directory"]


def test_steps_one_by_one_reach_what_run_reaches(tmp_path: Path) -> None:
    """`ingest`, `train`, `score`, `evaluate`, `report` make the same scored table as `run`."""
    write_table(tmp_path / "plant.csv")
    run_cli("init", "plant.csv", cwd=tmp_path)
    steps = ("--set", "training.steps=30")

    run_cli("ingest", *steps, cwd=tmp_path)
    run_cli("train", *steps, cwd=tmp_path)
    scored = json.loads(run_cli("score", "--json", *steps, cwd=tmp_path).stdout)["scored"]
    metrics = json.loads(run_cli("evaluate", "--json", *steps, cwd=tmp_path).stdout)
    page = json.loads(run_cli("report", "--json", *steps, cwd=tmp_path).stdout)
    whole = json.loads(run_cli("run", "--json", *steps, cwd=tmp_path).stdout)

    assert whole["scored"]["directory"] == scored["directory"]
    assert whole["metrics"] == metrics
    assert whole["report"] == page["report"]


def test_calibrate_changes_the_threshold_and_not_the_weights(plant: Path) -> None:
    """A tighter promise gives a higher threshold; the weights keep their hash; the next score uses it."""
    trained = json.loads(run_cli("train", "--json", *STEPS, cwd=plant).stdout)
    weights = Path(trained["directory"]) / "weights.safetensors"
    before = weights.read_bytes()

    loose = json.loads(run_cli("calibrate", "--json", "--target-fpr", "0.2", *STEPS, cwd=plant).stdout)
    scored = json.loads(run_cli("score", "--json", *STEPS, cwd=plant).stdout)["scored"]

    refused = run_cli("calibrate", "--target-fpr", "2", *STEPS, cwd=plant, expect=3)

    assert "'threshold.target_fpr' is 2" in refused.stderr
    assert loose["threshold"] < trained["threshold"]
    assert scored["threshold"] == loose["threshold"]
    assert weights.read_bytes() == before


def test_a_table_is_reported_with_the_model_that_scored_it(plant: Path) -> None:
    """After another training the older table is still reported, without a spec, by its own model version."""
    older = json.loads(run_cli("run", "--json", *STEPS, cwd=plant).stdout)
    run_cli("train", "--set", "training.steps=20", cwd=plant)
    (plant / "anomaly_ae.yaml").unlink()
    page = Path(older["report"])
    page.unlink()

    run_cli("report", older["scored"]["directory"], cwd=plant)

    assert older["trained"]["version"] in page.read_text(encoding="utf-8")


def test_new_rows_are_scored_by_the_champion(plant: Path) -> None:
    """`score FILE` holds new rows to the model's contract; their split is null and a missing label is no error."""
    table = pd.read_csv(plant / "plant.csv").drop(columns="anomaly")
    table.iloc[::-1, ::-1].to_csv(plant / "new.csv", index=False)

    scored = json.loads(run_cli("score", "new.csv", "--json", cwd=plant).stdout)["scored"]

    rows = pd.read_parquet(Path(scored["directory"]) / "part-00000.parquet")
    assert len(rows) == 600
    assert rows["split"].isna().all()
    assert rows["label"].isna().all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--spec", "nowhere.yaml"), "nowhere.yaml"),
        (("init", "nowhere.csv", "--force"), "nowhere.csv"),
        (("run", "--set", "training.stpes=3"), "training.steps"),
        (("score",), "train one first"),
        (("calibrate", "--model", "nowhere", "--target-fpr", "0.1"), "nowhere"),
    ],
)
def test_a_mistake_is_named_and_sets_the_exit_code(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """What is wrong is said on stderr in one message without a traceback; the exit code is 3."""
    write_table(tmp_path / "plant.csv")
    (tmp_path / "anomaly_ae.yaml").write_text("data:\n  source: plant.csv\n", encoding="utf-8")

    done = run_cli(*arguments, cwd=tmp_path, expect=3)

    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_version_can_be_calibrated_without_a_spec_file(plant: Path) -> None:
    """With `--model` the version's own spec stands in for the file; overrides lie on top of it."""
    model = json.loads(run_cli("train", "--json", *STEPS, cwd=plant).stdout)["directory"]
    (elsewhere := plant / "elsewhere").mkdir()
    budget = ("--set", "threshold.rule=budget", "--set", "threshold.alerts=50")

    own = json.loads(run_cli("calibrate", "--json", "--model", model, cwd=elsewhere).stdout)
    other = json.loads(run_cli("calibrate", "--json", "--model", model, *budget, cwd=elsewhere).stdout)
    refused = run_cli("calibrate", cwd=elsewhere, expect=3)

    assert (own["rule"], other["rule"]) == ("fpr", "budget")
    assert own["threshold"] > other["threshold"]
    assert "anomaly_ae.yaml cannot be read" in refused.stderr


def test_init_does_not_replace_a_spec(tmp_path: Path) -> None:
    """An existing spec is kept unless `--force` says otherwise."""
    write_table(tmp_path / "plant.csv")
    (tmp_path / "anomaly_ae.yaml").write_text("mine", encoding="utf-8")

    run_cli("init", "plant.csv", cwd=tmp_path, expect=3)

    assert (tmp_path / "anomaly_ae.yaml").read_text(encoding="utf-8") == "mine"


def test_too_few_rows_for_the_promise_are_refused_with_the_number_needed(tmp_path: Path) -> None:
    """A false-alarm rate that the validation rows cannot promise stops the run and says how many rows it takes."""
    write_table(tmp_path / "plant.csv", rows=100)
    run_cli("init", "plant.csv", cwd=tmp_path)

    done = run_cli("run", "--set", "threshold.target_fpr=0.001", "--set", "training.steps=5", cwd=tmp_path, expect=3)

    assert "999" in done.stderr
    assert not list((tmp_path / "anomaly_ae_runs").glob("models/*/manifest.json"))


def test_help_does_not_load_torch() -> None:
    """`--help` and `import anomaly_ae` leave torch, pandas and scikit-learn alone."""
    code = (
        "import sys, anomaly_ae.cli; print([m for m in ('torch', 'pandas', 'sklearn', 'prefect') if m in sys.modules])"
    )

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own code

    assert loaded.strip() == "[]"


def test_scored_table_opens_in_pandas_duckdb_and_polars(plant: Path) -> None:
    """Three readers see the same rows, and the contributions of a row sum to its score."""
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    steps = (*STEPS, "--set", "scoring.reasons=9")
    made = json.loads(run_cli("run", "--json", *steps, cwd=plant).stdout)
    parts = str(Path(made["scored"]["directory"]) / "part-*.parquet")

    frame = pd.read_parquet(Path(made["scored"]["directory"]) / "part-00000.parquet")
    query = f"select anomaly_score, list_sum([r.contribution for r in reasons]) from '{parts}'"  # noqa: S608 - a path of ours
    by_duckdb = duckdb.sql(query).fetchnumpy()
    by_polars = polars.read_parquet(parts)

    total = frame["reasons"].map(lambda reasons: sum(reason["contribution"] for reason in reasons))
    np.testing.assert_allclose(total, frame["anomaly_score"], rtol=1e-9)
    np.testing.assert_allclose(*by_duckdb.values(), rtol=1e-9)
    np.testing.assert_array_equal(by_polars["anomaly_score"].to_numpy(), frame["anomaly_score"])


def test_score_new_scores_what_came_in(plant: Path) -> None:
    """File by file, each once; a bad file is named every time, and fails only a run that could score nothing."""
    (plant / "in").mkdir()
    for day in (1, 2):
        write_table(plant / "in" / f"2026-10-0{day}.csv", rows=60 + day)

    backfilled = run_cli("score-new", "in", "--until", "2026-10-01", cwd=plant).stdout
    (plant / "in" / "torn_2026-10-03.csv").write_text("load\n", encoding="utf-8")
    second = run_cli("score-new", "in", cwd=plant).stdout
    third = run_cli("score-new", "in", cwd=plant).stdout
    (plant / "in" / "torn_2026-10-03.csv").write_text("heat\n", encoding="utf-8")
    failed = run_cli("score-new", "in", cwd=plant, expect=3)

    assert backfilled.startswith("new        2026-10-01.csv")
    assert "new        2026-10-02.csv" in second
    assert "done       1 partitions" in second
    for printed in (second, third, failed.stdout):
        assert "refused    torn_2026-10-03.csv  ContractError: " in printed
    assert "nothing could be scored: torn_2026-10-03.csv" in failed.stderr

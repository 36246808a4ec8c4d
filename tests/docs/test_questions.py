"""The page of ten questions: DuckDB and pandas answer each of them, and the same."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests_support import make_frame, run_cli

PAGE = (Path(__file__).parents[2] / "docs/guide/questions.md").read_text(encoding="utf-8")
OPENING, *QUESTIONS = PAGE.split("\n## ")
SPEC = "data: {source: yesterday.csv, id: part_id, entity: machine, time: started_at, ignore: [anomaly]}\n"


def block(text: str, kind: str) -> str:
    """Return the one fenced block of a language."""
    (found,) = re.findall(rf"```{kind}\n(.*?)```", text, flags=re.DOTALL)
    return str(found)


def write_day(path: Path, day: str, seed: int) -> pd.DataFrame:
    """Write a day's rows: jobs of three machines, of which one in twenty breaks the link of its two numbers."""
    frame = make_frame(seed=seed)
    at = pd.Timestamp(day) + pd.to_timedelta(np.arange(600) * 240, unit="s")
    frame = frame.assign(part_id=day + frame["part_id"], machine=[f"M{n % 3}" for n in range(600)], started_at=at)
    frame.to_csv(path, index=False)
    return frame


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a `scored/` directory with the runs `today` and `yesterday`, and verdicts on today's alerts."""
    directory = tmp_path_factory.mktemp("questions")
    write_day(directory / "yesterday.csv", "2026-01-05", seed=0)
    frame = write_day(directory / "today.csv", "2026-01-06", seed=1)
    faulty = frame.head(6).assign(part_id=[f"bad{n}" for n in range(6)], load="broken")
    frame.loc[frame.index % 100 == 3, "line"] = "east"  # a kind of anomaly that yesterday had none of
    pd.concat([frame, faulty]).to_csv(directory / "today.csv", index=False)
    (directory / "anomaly_ae.yaml").write_text(SPEC, encoding="utf-8")
    steps = ("--json", "--set", "training.steps=30", "--set", "threshold.target_fpr=0.05")
    made = {"yesterday": json.loads(run_cli("run", *steps, cwd=directory).stdout)["scored"]["directory"]}
    made["today"] = json.loads(run_cli("score", "today.csv", *steps, cwd=directory).stdout)["scored"]["directory"]
    for name, run in made.items():
        shutil.copytree(directory / run, directory / "anomaly_ae_runs/scored" / name)
    today = pd.read_parquet(directory / made["today"] / "part-00000.parquet").query("is_anomaly")
    is_anomaly = today["row_id"].map(frame.set_index("part_id")["anomaly"])
    verdict = np.where(is_anomaly == 1, "real", "false alarm")
    verdict[::7], verdict[::5] = "", "unsure"
    pd.DataFrame({"row_id": today["row_id"], "verdict": verdict}).to_csv(directory / "verdicts.csv", index=False)
    run_cli("feedback", "verdicts.csv", "--scored", str(directory / made["today"]), cwd=directory)
    return directory / "anomaly_ae_runs/scored"


def test_there_are_ten() -> None:
    """Each has a number, a statement in SQL and a block of Python."""
    assert [question.split(".")[0] for question in QUESTIONS] == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.split("?")[0].replace(" ", "-"))
def test_duckdb_and_pandas_agree(question: str, scored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both blocks run in the `scored/` directory and give the same rows in the same order, and at least one."""
    duckdb = pytest.importorskip("duckdb")
    monkeypatch.chdir(scored)
    names: dict[str, Any] = {}

    by_duckdb = duckdb.sql(block(question, "sql")).df()
    exec(block(OPENING, "python") + block(question, "python"), names)  # noqa: S102 - the page's own code

    by_pandas = names["answer"].reset_index(drop=True)
    assert len(by_duckdb) > 0
    pd.testing.assert_frame_equal(by_duckdb, by_pandas, check_dtype=False, rtol=1e-9)

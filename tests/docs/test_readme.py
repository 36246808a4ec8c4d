"""The README is true: its code runs, and what it shows is what the commands print."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from tests_support import run_cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND = ("run", "--spec", "data/breast_cancer/spec.yaml", "--set", "workspace=anomaly_ae_runs")


def blocks(kind: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"```{kind}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the sample data, in which the README's command has run; `printed` holds its output."""
    directory = tmp_path_factory.mktemp("readme")
    (directory / "data").symlink_to(ROOT / "data")
    (directory / "printed").write_text(run_cli(*COMMAND, cwd=directory).stdout, encoding="utf-8")
    return directory


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_blocks_run(number: int, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block runs as it stands, in a directory where the pipeline has run on the sample."""
    monkeypatch.chdir(home)

    exec(compile(blocks("python")[number], f"README.md, block {number}", "exec"), {})  # noqa: S102 - the README's own code


def test_query_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SQL answers with the alerts of the run."""
    duckdb = pytest.importorskip("duckdb")
    monkeypatch.chdir(home)
    (query,) = blocks("sql")

    assert len(duckdb.sql(query).fetchall()) > 0


def test_shown_run_is_what_the_command_prints(home: Path) -> None:
    """Counts are equal; metrics, which may differ in a later digit on another processor, agree to .03."""
    printed, shown = (home / "printed").read_text(encoding="utf-8"), shown_block("run")

    assert numbers(printed, r"(\d+) rows in") == numbers(shown, r"(\d+) rows in")
    for metric in ("precision", "recall", "f1", "average_precision", "roc_auc", "false_alarm_rate"):
        assert numbers(shown, rf"{metric} ([\d.]+)") == pytest.approx(numbers(printed, rf"{metric} ([\d.]+)"), abs=0.03)


def test_shown_excerpt_is_of_the_scored_table(home: Path) -> None:
    """The rows of the excerpt are the first alerts, with their first reason."""
    made = json.loads(run_cli(*COMMAND, "--json", cwd=home).stdout)
    table = pd.read_parquet(home / made["scored"]["directory"] / "part-00000.parquet").set_index("row_id")

    for line in shown_block("excerpt").splitlines()[1:]:
        row_id, score, *_, feature, _, _ = line.split()
        assert table.loc[row_id, "is_anomaly"]
        assert float(score) == pytest.approx(table.loc[row_id, "anomaly_score"], rel=0.05)
        assert feature in {reason["feature"] for reason in table.loc[row_id, "reasons"]}


def shown_block(kind: str) -> str:
    """Return the text block under a marker such as `<!-- run: breast_cancer -->`."""
    found = re.search(rf"<!-- {kind}: \w+ -->\n```text\n(.*?)```", README, flags=re.DOTALL)
    assert found, f"README.md has no {kind} block"
    return found[1]


def numbers(text: str, pattern: str) -> list[float]:
    """Return the numbers that a pattern captures."""
    found = re.findall(pattern, text)
    assert found, f"no {pattern!r} in {text!r}"
    return [float(number) for number in found]

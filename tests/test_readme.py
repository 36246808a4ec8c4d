"""The README is true: its code runs, and what it shows is what the commands print."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from tests_support import run_cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_python_blocks_run(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block runs as it stands, from a directory that has the sample data."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)

    exec(compile(BLOCKS[number], f"README.md, block {number}", "exec"), {})  # noqa: S102 - the README's own code


def test_shown_run_is_what_the_command_prints(tmp_path: Path) -> None:
    """Counts are equal; metrics, which may differ in a later digit on another processor, agree to .03."""
    spec = str(ROOT / "data/breast_cancer/spec.yaml")
    printed = run_cli("run", "--spec", spec, "--set", f"workspace={tmp_path}", cwd=tmp_path).stdout
    shown = shown_block("run")

    assert numbers(printed, r"(\d+) rows in") == numbers(shown, r"(\d+) rows in")
    for metric in ("precision", "recall", "f1", "average_precision", "roc_auc", "false_alarm_rate"):
        assert numbers(shown, rf"{metric} ([\d.]+)") == pytest.approx(numbers(printed, rf"{metric} ([\d.]+)"), abs=0.03)


def test_shown_excerpt_is_of_the_scored_table(tmp_path: Path) -> None:
    """The rows of the excerpt are the first alerts, with their first reason."""
    spec = str(ROOT / "data/breast_cancer/spec.yaml")
    made = json.loads(run_cli("run", "--json", "--spec", spec, "--set", f"workspace={tmp_path}", cwd=tmp_path).stdout)
    table = pd.read_parquet(Path(made["scored"]["directory"]) / "part-00000.parquet").set_index("row_id")

    for line in shown_block("excerpt").splitlines()[1:]:
        row_id, score, *_, feature, _, _ = line.split()
        assert table.loc[row_id, "is_anomaly"]
        assert float(score) == pytest.approx(table.loc[row_id, "anomaly_score"], rel=0.05)
        assert feature in {reason["feature"] for reason in table.loc[row_id, "reasons"]}


def test_links_lead_somewhere() -> None:
    """Every relative link of the README names a file that is there."""
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


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

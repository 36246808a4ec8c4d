"""Write anew what the README shows of a run: `python docs/refresh_readme.py`."""

import contextlib
import io
import re
import tempfile
from pathlib import Path

import pandas as pd

from anomaly_ae.cli import main

ROOT = Path(__file__).parents[1]
SHOWN = 5


def refresh() -> None:
    """Run the breast-cancer sample in a fresh workspace and put its output into the README's marked blocks."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as directory:
        printed = _run(Path(directory)).replace(directory, "anomaly_ae_runs")
        text = _fill(text, "run", printed)
        text = _fill(text, "excerpt", _excerpt(Path(directory)))
    readme.write_text(text, encoding="utf-8")


def _run(workspace: Path) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):  # a command ends with its exit code
        main(["run", "--spec", str(ROOT / "data/breast_cancer/spec.yaml"), "--set", f"workspace={workspace}"])
    return out.getvalue()


def _excerpt(workspace: Path) -> str:
    """Return the first alerts with their first reason, one word a cell."""
    table = pd.read_parquet(sorted(workspace.glob("scored/*/part-*.parquet")))
    top = table.sort_values("anomaly_score", ascending=False, kind="stable").head(SHOWN).reset_index(drop=True)
    reason = pd.json_normalize([reasons[0] for reasons in top["reasons"]])
    shown = top[["row_id", "anomaly_score", "p_value", "severity", "is_anomaly"]]
    reason = reason[["feature", "value", "expected"]].add_prefix("reasons[0].")
    return pd.concat([shown, reason], axis=1).to_string(index=False, float_format="{:.4g}".format) + "\n"


def _fill(text: str, kind: str, block: str) -> str:
    pattern = rf"(<!-- {kind}: \w+ -->\n```text\n).*?(```)"
    return re.sub(pattern, lambda found: found[1] + block + found[2], text, flags=re.DOTALL)


if __name__ == "__main__":
    refresh()

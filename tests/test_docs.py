"""The page about the scored table: it lists the columns there are, and its queries run."""

import json
import re
from pathlib import Path

import pytest
from tests_support import run_cli, write_table

from anomaly_ae.scoring.schema import scored_schema

PAGE = (Path(__file__).parents[1] / "docs/scored_table.md").read_text(encoding="utf-8")


def test_page_lists_every_column_as_the_file_describes_it() -> None:
    """Names, order and descriptions are those of the pinned schema."""
    listed = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", PAGE, flags=re.MULTILINE)

    assert listed == [(field.name, field.metadata[b"description"].decode()) for field in scored_schema(pictures=True)]


def test_queries_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SQL and the Python of the page answer on a scored table."""
    duckdb = pytest.importorskip("duckdb")
    write_table(tmp_path / "plant.csv")
    run_cli("init", "plant.csv", cwd=tmp_path)
    made = json.loads(run_cli("run", "--json", "--set", "training.steps=30", cwd=tmp_path).stdout)
    monkeypatch.chdir(tmp_path / "anomaly_ae_runs")
    sql, code = (block for kind in ("sql", "python") for block in re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL))

    alerts = duckdb.sql(sql).fetchall()
    exec(compile(code, "docs/scored_table.md", "exec"), {"directory": Path(made["scored"]["directory"])})  # noqa: S102 - the page's own code

    assert len(alerts) == made["scored"]["alerts"] > 0

"""The contract of the scored table: what its readers may rely on from release to release."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests_support import run_cli, write_table

from anomaly_ae.modalities.pictures.columns import SCORED_COLUMNS
from anomaly_ae.scoring.schema import SCHEMA_VERSION, scored_schema

REASONS = "list<element: struct<feature: string, value: string, expected: string, contribution: double>>"
VERSION_1 = {
    "row_id": "string",
    "source_file": "string",
    "source_row": "int64",
    "anomaly_score": "double",
    "reconstruction_error": "double",
    "p_value": "double",
    "severity": "double",
    "is_anomaly": "bool",
    "threshold": "double",
    "reasons": REASONS,
    "label": "bool",
    "split": "string",
    "model_name": "string",
    "model_version": "string",
    "calibration_id": "string",
    "level": "string",
    "segment": "string",
    "story": "string",
}
"""Released: any change here, other than a new line at the end, requires a new schema version."""


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a part of a scored table whose rows have an entity and a time."""
    directory = tmp_path_factory.mktemp("contract")
    write_table(directory / "plant.csv")
    frame = pd.read_csv(directory / "plant.csv")
    frame.assign(at=pd.date_range("2026-01-05", periods=600, freq="h")).to_csv(directory / "plant.csv", index=False)
    spec = "data: {source: plant.csv, id: part_id, entity: line, time: at, label: {column: anomaly}}\n"
    (directory / "anomaly_ae.yaml").write_text(spec, encoding="utf-8")
    run_cli("run", "--set", "training.steps=10", cwd=directory)
    (found,) = directory.glob("anomaly_ae_runs/scored/*/part-*.parquet")
    return found


def test_columns_of_version_1_keep_their_names_types_and_order() -> None:
    """Released columns stay unchanged unless the version number is incremented."""
    assert SCHEMA_VERSION == 1
    assert {field.name: str(field.type) for field in scored_schema()} == VERSION_1


def test_pictures_have_their_columns_at_the_end() -> None:
    """Code that reads scored tables also reads scored pictures."""
    assert scored_schema(extra=SCORED_COLUMNS).names[: len(VERSION_1)] == list(VERSION_1)


def test_the_users_own_columns_stand_after_the_source_row(part: Path) -> None:
    """Id, time and entity keep their names; the other columns keep their positions."""
    names = pq.read_schema(part).names

    assert names[3:6] == ["part_id", "at", "line"]
    assert names[:3] + names[6:] == list(VERSION_1)


def test_each_column_of_ours_says_in_the_file_what_it_means(part: Path) -> None:
    """Version and descriptions are stored as metadata."""
    schema = pq.read_schema(part)

    assert schema.metadata[b"anomaly_ae.schema_version"] == b"1"
    assert all(schema.field(name).metadata[b"description"] for name in VERSION_1)


def test_three_readers_see_the_same_table(part: Path) -> None:
    """pandas, DuckDB and Polars read the same cells, including nested reasons, datetimes and nulls."""
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    table = pq.read_table(part)

    by_pandas = pd.read_parquet(part)
    by_duckdb = duckdb.sql(f"SELECT * FROM '{part}'").to_arrow_table()  # noqa: S608 - a path of ours
    by_polars = polars.read_parquet(part)

    rows = table.to_pylist()
    assert by_duckdb.to_pylist() == rows
    assert by_polars.to_dicts() == rows
    again = pa.Table.from_pandas(by_pandas, schema=table.schema, preserve_index=False)
    assert again.to_pylist() == rows

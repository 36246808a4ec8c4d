"""Which split a scored row is said to be of: told by the bytes of its file, however the file was named as a source."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests_support import write_table

from anomaly_ae.spec import Spec
from anomaly_ae.stages.evaluate import evaluate
from anomaly_ae.stages.pipeline import Run, run, run_stages
from anomaly_ae.workspace.scored_table import ScoredTable


def spec_of(directory: Path, **data: object) -> Spec:
    """Describe a run on `plant.csv` of a directory."""
    label = {"column": "anomaly", "anomaly_values": [1]}
    return Spec.model_validate(
        {
            "workspace": str(directory / "runs"),
            "data": {"source": str(directory / "plant.csv"), "label": label, **data},
            "training": {"steps": 20},
        }
    )


def score_again(made: Run, source: Path) -> ScoredTable:
    """Score a source under the contract of a model, as new rows are."""
    run = Run.with_model(made.trained.model, made.workspace, made.spec.data, str(source))
    return run_stages(run, ("ingest", "score")).scored.table


def splits(table: ScoredTable) -> list[str | None]:
    """Return the split of every row of a scored table of one part."""
    (part,) = table.parts
    column: list[str | None] = pq.read_table(part)["split"].to_pylist()
    return column


@pytest.mark.parametrize("named", [{"ignore": ["part_id"]}, {"id": "part_id"}], ids=["by file and row", "by id"])
def test_rows_of_the_training_file_are_never_taken_for_new(tmp_path: Path, named: dict[str, object]) -> None:
    """Scored through the model's contract, the training file has the splits it had, and only test rows are judged."""
    write_table(tmp_path / "plant.csv")
    spec = spec_of(tmp_path, **named)
    made = run(spec)

    again = score_again(made, tmp_path / "plant.csv")
    metrics = evaluate(again)

    assert again.directory != made.scored.directory
    assert splits(again) == splits(made.scored.table)
    assert metrics == made.judged.metrics


def test_a_copy_under_another_name_is_known_by_its_ids(tmp_path: Path) -> None:
    """With an id column a renamed copy has the same rows; without one its rows have other ids, and no split."""
    write_table(tmp_path / "plant.csv")
    shutil.copy(tmp_path / "plant.csv", tmp_path / "copy.csv")
    with_id, without = spec_of(tmp_path, id="part_id"), spec_of(tmp_path, ignore=["part_id"])
    made, other = run(with_id), run(without)

    assert splits(score_again(made, tmp_path / "copy.csv")) == splits(made.scored.table)
    assert set(splits(score_again(other, tmp_path / "copy.csv"))) == {None}


def test_new_files_beside_a_training_file_are_new(tmp_path: Path) -> None:
    """In a folder that holds the training file and another one, only the rows of the first have a split."""
    write_table(tmp_path / "plant.csv")
    spec = spec_of(tmp_path, ignore=["part_id"])
    made = run(spec)
    (tmp_path / "in").mkdir()
    write_table(tmp_path / "in" / "later.csv", rows=200)
    shutil.copy(tmp_path / "plant.csv", tmp_path / "in" / "plant.csv")

    rows = pq.read_table(score_again(made, tmp_path / "in").directory / "part-00000.parquet").to_pylist()

    assert {row["source_file"] for row in rows if row["split"] is None} == {"later.csv"}
    assert {row["source_file"] for row in rows if row["split"]} == {"plant.csv"}

"""A table that grows, scored by the days of its time column: new days once, late rows anew, today when it is over."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from tests_support import make_frame, write_table

from anomaly_ae.errors import SourceError, SpecError
from anomaly_ae.ingest.table_source import last_day_over
from anomaly_ae.spec import Spec
from anomaly_ae.stages import pipeline
from anomaly_ae.stages.incremental import IncrementalResult, score_new
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.pipeline import TRAINING, Run, run_stages
from anomaly_ae.stages.plan import plan
from anomaly_ae.stages.train import train
from anomaly_ae.workspace.workspace import Workspace

NOON = datetime(2026, 10, 4, 12, tzinfo=UTC)
ROWS = 50


def write_days(path: Path, *numbers: int, more: pd.DataFrame | None = None) -> pd.DataFrame:
    """Write rows of some days of October, one table, in the order of time; return them."""
    whole = pd.concat([*(rows_of(number) for number in numbers), *([] if more is None else [more])], ignore_index=True)
    whole.to_csv(path, index=False) if path.suffix == ".csv" else whole.to_parquet(path, row_group_size=70)
    return whole


def rows_of(number: int, rows: int = ROWS, hour: int = 0) -> pd.DataFrame:
    """Return rows of a day of October, a minute apart."""
    at = pd.date_range(f"2026-10-{number:02d} {hour:02d}:00", periods=rows, freq="min")
    ids = [f"d{number}-{hour}-{row}" for row in range(rows)]
    return make_frame(rows, seed=100 * number + hour).assign(at=at.astype("datetime64[us]"), part_id=ids)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a champion whose rows have a time."""
    directory = tmp_path_factory.mktemp("trained")
    at = pd.date_range("2026-09-01", periods=600, freq="h").astype("datetime64[us]")
    make_frame().assign(at=at).to_csv(directory / "plant.csv", index=False)
    spec = Spec.model_validate(
        {
            "name": "plant",
            "workspace": str(directory / "runs"),
            "data": {
                "source": str(directory / "plant.csv"),
                "id": "part_id",
                "time": "at",
                "label": {"column": "anomaly", "anomaly_values": [1]},
            },
            "network": {"kind": "denoising"},
            "threshold": {"target_fpr": 0.05},
            "training": {"steps": 5},
        }
    )
    run_stages(Run.of(spec), TRAINING)
    return Path(spec.workspace)


@pytest.fixture
def workspace(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of it; reports are left out, for they take long."""
    shutil.copytree(trained, tmp_path / "runs")
    monkeypatch.setattr(pipeline, "report", lambda table, _: table.report)
    return Workspace(tmp_path / "runs")


def score_table(workspace: Workspace, source: Path, **asked: object) -> IncrementalResult:
    """Score the days of a table, as seen at noon of the fourth."""
    model = workspace.aliased_model("plant")
    return score_new(plan(str(source), model, workspace, by="time", **{"now": NOON, **asked}))  # type: ignore[arg-type]


def days(*numbers: int) -> tuple[str, ...]:
    """Name days."""
    return tuple(f"2026-10-{number:02d}" for number in numbers)


def rows_scored(made: IncrementalResult) -> dict[str, int]:
    """Return how many rows each table has."""
    return {key: table.rows_scored for key, table in made.scored.items()}


@pytest.mark.parametrize("name", ["plant.csv", "plant.parquet"])
def test_only_new_days_of_a_growing_table_are_scored(workspace: Workspace, name: str) -> None:
    """Each day has its table once it is over; the rows added since are the next day's."""
    table = workspace.location.parent / "in" / name
    table.parent.mkdir()
    write_days(table, 1, 2)
    first = score_table(workspace, table)
    write_days(table, 1, 2, 3, 4)
    second, third = score_table(workspace, table), score_table(workspace, table)

    assert (first.new, rows_scored(first)) == (days(1, 2), dict.fromkeys(days(1, 2), ROWS))
    assert (second.new, second.done, second.changed, second.waiting) == (days(3), days(1, 2), (), days(4))
    assert (third.new, third.done, third.scored) == ((), days(1, 2, 3), {})


def test_rows_keep_their_place_in_the_table(workspace: Workspace) -> None:
    """A scored row says which row of the whole file it was, and each row is in the table of its day."""
    table = workspace.location.parent / "plant.csv"
    whole = write_days(table, 1, 2)

    made = score_table(workspace, table).scored[days(2)[0]]

    rows = pq.read_table(made.directory / "part-00000.parquet", columns=["row_id", "source_file", "source_row"])
    assert rows["source_row"].to_pylist() == list(range(ROWS + 1, 2 * ROWS + 1))
    assert rows["row_id"].to_pylist() == whole["part_id"][ROWS:].tolist()
    assert set(rows["source_file"].to_pylist()) == {"plant.csv"}


def test_late_rows_of_an_old_day_score_it_anew(workspace: Workspace) -> None:
    """The day is changed, its new table has all its rows, the others are as they were."""
    table = workspace.location.parent / "plant.csv"
    write_days(table, 1, 2, 3)
    score_table(workspace, table)
    write_days(table, 1, 2, 3, more=rows_of(1, rows=7, hour=23))

    made = score_table(workspace, table)

    assert (made.changed, made.done, made.new) == (days(1), days(2, 3), ())
    assert rows_scored(made) == {days(1)[0]: ROWS + 7}
    assert len(workspace.ledger("plant", str(table), "time").entries()[days(1)[0]].earlier) == 1


def test_rows_that_only_moved_are_done(workspace: Workspace) -> None:
    """An export in another order of days, in other row groups, is no change where an id names the rows."""
    table = workspace.location.parent / "plant.parquet"
    write_days(table, 1, 2, 3)
    score_table(workspace, table)
    pd.concat([rows_of(number) for number in (3, 1, 2)]).to_parquet(table, row_group_size=31)

    assert score_table(workspace, table).done == days(1, 2, 3)


def test_a_cell_that_changed_scores_its_day_anew(workspace: Workspace) -> None:
    """However small the change, in a number or in a text."""
    table = workspace.location.parent / "plant.csv"
    whole = write_days(table, 1, 2, 3)
    score_table(workspace, table)
    whole.loc[3, "load"] += 1e-4
    whole.loc[ROWS + 3, "line"] = {"north": "south", "south": "north"}[whole.loc[ROWS + 3, "line"]]
    whole.to_csv(table, index=False)

    assert score_table(workspace, table).changed == days(1, 2)


def test_today_may_be_scored_as_it_grows(workspace: Workspace) -> None:
    """With no day to settle, today is scored so far as it is there, and anew when it has grown."""
    table = workspace.location.parent / "plant.csv"
    write_days(table, 3, 4)
    first = score_table(workspace, table, settle_days=0)
    write_days(table, 3, 4, more=rows_of(4, rows=5, hour=11))
    second = score_table(workspace, table, settle_days=0)

    assert (first.new, first.waiting) == (days(3, 4), ())
    assert (second.changed, rows_scored(second)) == (days(4), {days(4)[0]: ROWS + 5})


def test_days_of_many_files_are_one_partition(workspace: Workspace) -> None:
    """A day whose rows are in two files has one table of both; a file that is taken away changes its days."""
    folder = workspace.location.parent / "in"
    folder.mkdir()
    write_days(folder / "a.csv", 1, 2)
    rows_of(2, rows=9, hour=5).to_csv(folder / "b.csv", index=False)

    first = score_table(workspace, folder)
    (folder / "a.csv").unlink()
    second = score_table(workspace, folder)

    assert rows_scored(first) == {days(1)[0]: ROWS, days(2)[0]: ROWS + 9}
    assert (second.changed, second.vanished) == (days(2), days(1))


def test_rows_without_a_day_are_accounted_for(workspace: Workspace) -> None:
    """Rows whose time cannot be read are refused together and named; the days are scored all the same."""
    table = workspace.location.parent / "plant.csv"
    whole = write_days(table, 1, 2)
    lost = whole.iloc[:3].assign(part_id=["x", "y", "z"], at="soon")
    pd.concat([whole, lost]).to_csv(table, index=False)

    first, second = score_table(workspace, table), score_table(workspace, table)

    assert (first.new, tuple(first.refused)) == (days(1, 2), ("undated",))
    assert "3 of 3 rows" in first.refused["undated"]
    assert (second.refused, tuple(second.refused_before)) == ({}, ("undated",))


def test_a_bad_file_keeps_no_day_of_the_others_back(workspace: Workspace) -> None:
    """It is refused under its name, until it is mended; then its days are scored."""
    folder = workspace.location.parent / "in"
    folder.mkdir()
    write_days(folder / "a.csv", 1)
    (folder / "b.parquet").write_bytes(b"PAR1 torn")
    first, second = score_table(workspace, folder), score_table(workspace, folder)
    write_days(folder / "b.parquet", 2)
    third = score_table(workspace, folder)

    assert (first.new, tuple(first.refused)) == (days(1), ("b.parquet",))
    assert tuple(second.refused_before) == ("b.parquet",)
    assert (third.new, third.refused_before) == (days(2), {})


def test_a_range_of_days_is_backfilled(workspace: Workspace) -> None:
    """Only these days are looked at; rows of no day are of none of them."""
    table = workspace.location.parent / "plant.csv"
    write_days(table, 1, 2, 3, more=rows_of(3, rows=1).assign(at=None, part_id="lost"))

    made = score_table(workspace, table, since=date(2026, 10, 2), until=date(2026, 10, 2))

    assert (made.new, made.refused, made.vanished) == (days(2), {}, ())


def test_a_day_that_changes_while_it_is_read_is_not_scored(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is scored is what was found: a row added in between is refused, and scored by the next run."""
    table = workspace.location.parent / "plant.csv"
    write_days(table, 1)
    ingest_source = pipeline.ingest_source

    def grow(*arguments: object) -> object:
        write_days(table, 1, more=rows_of(1, rows=1, hour=9))
        return ingest_source(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "ingest_source", grow)
    grown = score_table(workspace, table)
    monkeypatch.setattr(pipeline, "ingest_source", ingest_source)

    assert "changed while it was read" in grown.refused[days(1)[0]]
    with pytest.raises(SourceError, match="nothing could be scored"):
        grown.raise_if_failed()
    assert rows_scored(score_table(workspace, table)) == {days(1)[0]: ROWS + 1}


def test_a_model_without_a_time_column_is_refused(tmp_path: Path) -> None:
    """The message says what to set."""
    write_table(tmp_path / "plant.csv")
    spec = Spec.model_validate(
        {
            "workspace": str(tmp_path / "runs"),
            "data": {"source": str(tmp_path / "plant.csv")},
            "network": {"kind": "denoising"},
            "threshold": {"target_fpr": 0.05},
            "training": {"steps": 0},
        }
    )
    workspace = Workspace.open(spec.workspace)
    model = train(ingest(spec.data, workspace).dataset, spec, workspace).model

    with pytest.raises(SpecError, match=r"has no time column; set data\.time"):
        plan(str(tmp_path / "plant.csv"), model, workspace, by="time")


def test_a_day_is_over_when_so_many_days_have_passed(trained: Path) -> None:
    """By the clock of this machine for times without a zone."""
    contract = Workspace(trained).aliased_model("plant").description.contract
    today = NOON.astimezone().date()

    assert last_day_over(contract, 0, NOON) == today
    assert (today - last_day_over(contract, 2, NOON)).days == 2

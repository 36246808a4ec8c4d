"""Incremental scoring: what is new is scored once, what changed is scored anew, and nothing is lost or listed twice."""

import os
import re
import shutil
import signal
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests_support import make_frame, write_table
from warm_process import WarmProcess

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.source import Partition, Source, SourcePart
from anomaly_ae.spec import Spec
from anomaly_ae.stages import pipeline, plan
from anomaly_ae.stages.calibrate import calibrate
from anomaly_ae.stages.incremental import IncrementalResult, score_new
from anomaly_ae.stages.ingest import IngestResult
from anomaly_ae.stages.pipeline import TRAINING, Run, run_stages
from anomaly_ae.storage import is_published
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.workspace.ledger import Ledger
from anomaly_ae.workspace.workspace import Workspace

SCRIPT = """
import sys
from anomaly_ae.stages import incremental, pipeline, plan
from anomaly_ae.workspace.workspace import Workspace

pipeline.report = lambda table, model: table.report
workspace = Workspace.open(sys.argv[2])
incremental.score_new(plan.plan(sys.argv[1], workspace.aliased_model("plant"), workspace))
"""
"""A run in a process of its own; without reports, which take long and are tested elsewhere."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a champion."""
    directory = tmp_path_factory.mktemp("trained")
    write_table(directory / "plant.csv")
    return train_plant(directory / "runs", steps=20)


def train_plant(workspace: Path, steps: int) -> Path:
    """Train a champion on `plant.csv` beside the workspace; return the workspace."""
    spec = Spec.model_validate(
        {
            "name": "plant",
            "workspace": str(workspace),
            "data": {
                "source": str(workspace.parent / "plant.csv"),
                "id": "part_id",
                "label": {"column": "anomaly", "anomaly_values": [1]},
            },
            "threshold": {"target_fpr": 0.05},
            "training": {"steps": steps},
        }
    )
    run_stages(Run.of(spec), TRAINING)
    return workspace


@pytest.fixture
def workspace(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of it, beside a folder of three days; reports are left out, for they take long."""
    shutil.copytree(trained, tmp_path / "runs")
    shutil.copy(trained.parent / "plant.csv", tmp_path)
    for number in (1, 2, 3):
        write_day(tmp_path, number)
    monkeypatch.setattr(pipeline, "report", lambda table, _: table.report)
    return Workspace(tmp_path / "runs")


def write_day(directory: Path, number: int, rows: int = 60, seed: int | None = None) -> Path:
    """Write the rows of a day of October."""
    path = directory / "in" / f"2026-10-{number:02d}.csv"
    path.parent.mkdir(exist_ok=True)
    make_frame(rows, seed=number if seed is None else seed).to_csv(path, index=False)
    return path


def score_days(workspace: Workspace, **asked: object) -> IncrementalResult:
    """Score what is new in the folder."""
    model = workspace.aliased_model("plant")
    return score_new(plan.plan(str(workspace.location.parent / "in"), model, workspace, **asked))  # type: ignore[arg-type]


def ledger_of(workspace: Workspace) -> Ledger:
    """Return the ledger of the folder."""
    return workspace.ledger("plant", str(workspace.location.parent / "in"), "file")


def days(*numbers: int) -> tuple[str, ...]:
    """Name the files of days."""
    return tuple(f"2026-10-{number:02d}.csv" for number in numbers)


def written(workspace: Workspace) -> dict[str, bytes]:
    """Return the bytes of the ledger and of every scored table, but for manifests, which say when."""
    paths = [
        *workspace.location.glob("partitions/**/*.json"),
        *workspace.location.glob("scored/*/*.parquet"),
        *workspace.location.glob("scored/*"),
    ]
    return {str(path.relative_to(workspace.location)): path.read_bytes() for path in paths if path.is_file()}


def test_only_what_is_new_is_scored(workspace: Workspace) -> None:
    """The first run scores all, the next none, and the one after a new file only that; each is listed once."""
    first, second = score_days(workspace), score_days(workspace)
    write_day(workspace.location.parent, 4)
    third = score_days(workspace)

    assert (first.new, first.done) == (days(1, 2, 3), ())
    assert (second.new, second.done, second.scored) == ((), days(1, 2, 3), {})
    assert (third.new, third.done) == (days(4), days(1, 2, 3))
    assert third.scored[days(4)[0]].rows_scored == 60
    assert tuple(ledger_of(workspace).entries()) == days(1, 2, 3, 4)


def test_days_without_a_run_are_caught_up_with(workspace: Workspace) -> None:
    """However many days passed since the last run, all that came in is scored."""
    score_days(workspace)
    for number in range(4, 9):
        write_day(workspace.location.parent, number)

    assert score_days(workspace).new == days(4, 5, 6, 7, 8)


def test_a_changed_file_is_scored_anew(workspace: Workspace) -> None:
    """The new table counts, the earlier one is kept and named under it; content that comes back counts again."""
    before = score_days(workspace)
    write_day(workspace.location.parent, 2, seed=99)

    after = score_days(workspace)
    write_day(workspace.location.parent, 2)
    back = score_days(workspace)

    old, new = (made.scored[days(2)[0]].directory for made in (before, after))
    entry = ledger_of(workspace).entries()[days(2)[0]]
    assert (after.changed, after.new, after.done) == (days(2), (), days(1, 3))
    assert is_published(old)
    assert back.changed == days(2)
    assert workspace.location / entry.scored == old
    assert [workspace.location / earlier.scored for earlier in entry.earlier] == [new]


def test_a_file_only_touched_is_done(workspace: Workspace) -> None:
    """Another time of change without another byte is no change."""
    score_days(workspace)
    os.utime(workspace.location.parent / "in" / days(1)[0])

    assert score_days(workspace).done == days(1, 2, 3)


def test_files_that_nobody_touched_are_not_read(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size and time of change are enough: a night costs what came in, not what there is."""
    score_days(workspace)
    monkeypatch.setattr(Partition, "content", lambda partition: pytest.fail(f"{partition.key} was read"))

    assert score_days(workspace).done == days(1, 2, 3)


def test_a_second_file_of_the_last_day_is_not_late(workspace: Workspace) -> None:
    """Late is what is of a day before the last one scored."""
    score_days(workspace)
    write_day(workspace.location.parent, 3, seed=30).rename(workspace.location.parent / "in" / "more_2026-10-03.csv")
    write_day(workspace.location.parent, 3)

    done = score_days(workspace)

    assert (done.new, done.late) == (("more_2026-10-03.csv",), ())


def test_late_and_vanished_files_are_reported(workspace: Workspace) -> None:
    """A file of a day before the last one scored is late and scored all the same; one that is gone keeps its table."""
    (workspace.location.parent / "in" / days(1)[0]).rename(workspace.location.parent / "kept.csv")
    score_days(workspace)
    (workspace.location.parent / "kept.csv").rename(workspace.location.parent / "in" / days(1)[0])
    (workspace.location.parent / "in" / days(3)[0]).unlink()

    done = score_days(workspace)

    assert (done.new, done.late, done.vanished) == (days(1), days(1), days(3))
    assert is_published(workspace.location / ledger_of(workspace).entries()[days(3)[0]].scored)


def test_a_range_of_days_is_backfilled(workspace: Workspace) -> None:
    """With `since` and `until` only these days are looked at; the others are neither scored nor counted as gone."""
    done = score_days(workspace, since=date(2026, 10, 2), until=date(2026, 10, 2))

    assert done.new == days(2)
    assert score_days(workspace).new == days(1, 3)
    assert score_days(workspace, since=date(2026, 10, 3)).vanished == ()


def test_another_threshold_rescores_only_when_asked(workspace: Workspace) -> None:
    """What is done stays with the model and threshold that scored it, until `rescore` says otherwise."""
    first = score_days(workspace)
    calibrate(workspace.aliased_model("plant"), FprThreshold(target_fpr=0.2, warn_fpr=None))

    unasked = score_days(workspace)
    asked = score_days(workspace, rescore=True, since=date(2026, 10, 3))

    entries = ledger_of(workspace).entries()
    assert unasked.done == days(1, 2, 3)
    assert (asked.rescored, asked.done) == (days(3), ())
    assert entries[days(1)[0]].calibration_id != entries[days(3)[0]].calibration_id
    assert workspace.location / entries[days(3)[0]].earlier[0].scored == first.scored[days(3)[0]].directory


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "ContractError: .*holds no rows"),
        ("part_id,load,heat,line,anomaly\n", "ContractError: .*holds no rows"),
        ("load,heat\n1,2\n", "ContractError: .*lacks"),
        ("part_id,load,heat,line,anomaly\np1,warm,hot,north,0\n", "ContractError: 1 of 1 rows"),
    ],
    ids=["empty", "header only", "other columns", "no numbers"],
)
def test_a_bad_file_is_refused_until_it_changes(workspace: Workspace, content: str, why: str) -> None:
    """The others are scored and the run ends well; the next does not read the file again, unless it was mended."""
    bad = workspace.location.parent / "in" / days(2)[0]
    bad.write_text(content, encoding="utf-8")

    first = score_days(workspace)
    second = score_days(workspace)
    os.utime(bad)
    touched = score_days(workspace)
    write_day(workspace.location.parent, 2)
    mended = score_days(workspace)

    assert (first.new, tuple(first.refused), first.failed) == (days(1, 3), days(2), {})
    assert re.match(why, first.refused[days(2)[0]])
    for later in (second, touched):
        assert (later.refused, later.refused_before, later.done) == ({}, first.refused, days(1, 3))
    assert (mended.new, mended.refused, mended.refused_before) == (days(2), {}, {})
    for made in (first, second, touched, mended):
        made.raise_if_failed()


def test_a_refused_file_is_tried_again_by_another_model_or_when_asked(workspace: Workspace) -> None:
    """A new champion may have another contract, and `rescore` tries everything again; both refuse it anew."""
    (workspace.location.parent / "in" / days(2)[0]).write_text("load\n1\n", encoding="utf-8")
    score_days(workspace)

    assert tuple(score_days(workspace, rescore=True).refused) == days(2)
    train_plant(workspace.location, steps=21)
    assert tuple(score_days(workspace).refused) == days(2)


def test_a_changed_file_that_is_refused_keeps_its_table(workspace: Workspace) -> None:
    """What was scored of the earlier content goes on counting, until the file is mended."""
    first = score_days(workspace)
    (workspace.location.parent / "in" / days(2)[0]).write_text("", encoding="utf-8")

    torn = score_days(workspace)

    entry = ledger_of(workspace).entries()[days(2)[0]]
    assert (tuple(torn.refused), torn.vanished) == (days(2), ())
    assert workspace.location / entry.scored == first.scored[days(2)[0]].directory


def test_a_run_that_could_score_nothing_fails(workspace: Workspace) -> None:
    """When every file that came in is refused the run fails with the list; the next has nothing to try and is well."""
    for number in (1, 2, 3):
        (workspace.location.parent / "in" / days(number)[0]).write_text("", encoding="utf-8")

    with pytest.raises(SourceError, match=r"nothing could be scored: 2026-10-01\.csv: ContractError: .*; 2026-10-02"):
        score_days(workspace).raise_if_failed()
    score_days(workspace).raise_if_failed()


def test_a_file_that_the_disk_keeps_back_is_tried_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be better tomorrow is no refusal: the run fails with the list, and the next tries again."""
    read = pipeline.ingest_source

    def fail(source: Source[SourcePart], *arguments: Any) -> IngestResult:
        if days(2)[0] in source.data.source:
            msg = "cannot be read"
            raise SourceError(msg) from OSError(5, "Input/output error")
        return read(source, *arguments)

    monkeypatch.setattr(pipeline, "ingest_source", fail)
    failing = score_days(workspace)
    monkeypatch.setattr(pipeline, "ingest_source", read)
    mended = score_days(workspace)

    assert (failing.new, tuple(failing.failed), failing.refused) == (days(1, 3), days(2), {})
    with pytest.raises(SourceError, match=r"1 of 3 partitions .* 2026-10-02\.csv: SourceError: cannot be read"):
        failing.raise_if_failed()
    assert (mended.new, mended.failed) == (days(2), {})


def test_a_table_that_is_gone_is_made_again(workspace: Workspace) -> None:
    """The ledger alone proves nothing: without its published table a partition is not done."""
    first = score_days(workspace)
    shutil.rmtree(first.scored[days(1)[0]].directory)

    assert score_days(workspace).new == days(1)


def test_a_lost_ledger_is_made_again(workspace: Workspace) -> None:
    """Without its ledger a workspace finds every table again, and writes the same entries."""
    score_days(workspace)
    before = written(workspace)
    shutil.rmtree(workspace.location / "partitions")

    again = score_days(workspace)

    assert {made.reused for made in again.scored.values()} == {True}
    assert written(workspace) == before


def start(workspace: Workspace) -> WarmProcess:
    """Start a run in a process of its own."""
    return WarmProcess.start(SCRIPT, str(workspace.location.parent / "in"), str(workspace.location))


def test_a_killed_run_is_finished_by_the_next(workspace: Workspace) -> None:
    """SIGKILL between partitions loses nothing: the next run scores the rest, and every byte is as undisturbed."""
    for number in range(4, 9):
        write_day(workspace.location.parent, number)
    score_days(workspace)
    undisturbed = written(workspace)
    for kind in ("partitions", "scored", "datasets"):
        shutil.rmtree(workspace.location / kind)

    process = start(workspace)
    deadline = time.monotonic() + 120
    while not list(workspace.location.glob("partitions/*/*/*.json")) and time.monotonic() < deadline:
        time.sleep(0.0005)
    process.kill()
    assert process.finish()[0] == -signal.SIGKILL
    done = score_days(workspace)

    assert 1 <= len(done.done) < 8
    assert written(workspace) == undisturbed


def test_two_runs_at_once_make_one_result(workspace: Workspace) -> None:
    """Both end well, and what is there is what one of them alone would have made."""
    score_days(workspace)
    alone = written(workspace)
    for kind in ("partitions", "scored", "datasets"):
        shutil.rmtree(workspace.location / kind)

    processes = [start(workspace), start(workspace)]

    assert [process.finish(timeout=120) for process in processes] == [(0, ""), (0, "")]
    assert written(workspace) == alone
    assert not list(workspace.location.glob("**/.staging-*"))

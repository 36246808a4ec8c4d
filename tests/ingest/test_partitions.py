"""Partitions: which files belong together, and which day they are of."""

import os
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.file_source import day_in
from anomaly_ae.ingest.source import By, Partition, between
from anomaly_ae.modalities import find_source
from anomaly_ae.spec import DataSpec


def make_files(directory: Path, *names: str) -> str:
    """Write small tables and return the directory as a source."""
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("load\n1\n", encoding="utf-8")
    return str(directory)


def partitions(source: str, by: By = "file") -> tuple[Partition, ...]:
    """Cut a source into partitions."""
    return find_source(DataSpec(source=source)).partitions(by, Contract(columns=()))


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("2026-09-30.csv", date(2026, 9, 30)),
        ("plant_20260930.csv.gz", date(2026, 9, 30)),
        ("20260930021500-plant.parquet", date(2026, 9, 30)),
        ("20260930T0215.csv", date(2026, 9, 30)),
        ("2026/9/3/part-0.csv", date(2026, 9, 3)),
        ("year=2026/month=09/day=30/part-0.parquet", date(2026, 9, 30)),
        ("dt=2026-09-30/part-00001.parquet", date(2026, 9, 30)),
        ("2026-01-01/corrected_2026-09-30.csv", date(2026, 9, 30)),
        ("2026-02-30.csv", None),
        ("order-120260930.csv", None),
        ("plant.csv", None),
    ],
)
def test_days_in_names(name: str, day: date | None) -> None:
    """The usual ways of writing a date in a path are read; what only looks like one is not."""
    assert day_in(name) == day


def test_each_file_is_a_partition(tmp_path: Path) -> None:
    """By file, in the order of days and then of names; those of no day come last."""
    source = make_files(tmp_path, "b/2026-10-02.csv", "a/2026-10-03.csv", "plant.csv")

    found = partitions(source)

    assert [one.key for one in found] == ["b/2026-10-02.csv", "a/2026-10-03.csv", "plant.csv"]
    assert found[0].source.data.source == str(tmp_path / "b/2026-10-02.csv")
    assert [file.name for file in found[0].source.parts] == ["b/2026-10-02.csv"]


def test_files_of_a_day_are_one_partition(tmp_path: Path) -> None:
    """By day, files of one date are together however they are called."""
    source = make_files(tmp_path, "2026-10-02/a.csv", "late_20261002.csv", "2026-10-01.csv")

    found = partitions(source, by="day")

    assert [(one.key, len(one.source.parts)) for one in found] == [("2026-10-01", 1), ("2026-10-02", 2)]


def test_loose_pictures_are_parted_by_their_folders(tmp_path: Path) -> None:
    """Pictures in folders of days are one partition a day; by file all loose pictures are one."""
    for name in ("2026-10-01/a.png", "2026-10-01/b.png", "2026-10-02/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / name)

    by_day = partitions(str(tmp_path), by="day")

    assert [len(one.source.parts[0].members) for one in by_day] == [2, 1]
    assert [one.key for one in partitions(str(tmp_path))] == ["folder"]


def test_a_file_of_no_day_has_no_place_among_days(tmp_path: Path) -> None:
    """By day, and within a range of days, a file without a date is refused by name."""
    source = make_files(tmp_path, "2026-10-01.csv", "plant.csv")

    with pytest.raises(SourceError, match=r"plant\.csv has no date"):
        partitions(source, by="day")
    with pytest.raises(SourceError, match=r"plant\.csv has no date"):
        between(partitions(source), date(2026, 10, 1), None)


def test_both_ends_of_a_range_belong_to_it(tmp_path: Path) -> None:
    """`since` and `until` are days that are scored; an end left out is open."""
    found = partitions(make_files(tmp_path, *(f"2026-10-0{day}.csv" for day in range(1, 6))))

    days = [one.day.day for one in between(found, date(2026, 10, 2), date(2026, 10, 4)) if one.day]

    assert days == [2, 3, 4]
    assert between(found, None, date(2026, 10, 1)) == found[:1]
    assert between(found, None, None) == found


def test_a_stamp_changes_with_size_or_time(tmp_path: Path) -> None:
    """A file written anew has another stamp, even with as many bytes; one that nobody touched has the same."""
    source = make_files(tmp_path, "a.csv")
    (before,) = (one.stamp() for one in partitions(source))
    state = (tmp_path / "a.csv").stat()
    assert partitions(source)[0].stamp() == before

    os.utime(tmp_path / "a.csv", ns=(state.st_atime_ns, state.st_mtime_ns + 1))

    assert partitions(source)[0].stamp() != before

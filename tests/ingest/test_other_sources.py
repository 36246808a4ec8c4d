"""A source that is no file: a table of a database goes through ingest without ingest knowing of databases."""

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from anomaly_ae import modalities
from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.ingest.source import By, Partition, in_order
from anomaly_ae.modalities import find_files, find_source
from anomaly_ae.spec import DataSpec, Role
from anomaly_ae.stages.ingest import ingest, ingest_source
from anomaly_ae.workspace.workspace import Workspace

DAYS = ("2026-10-01", "2026-10-02")


@dataclass(frozen=True)
class SqliteDay:
    """The rows of one day of a database table."""

    database: Path
    name: str
    size: int = 0

    @property
    def location(self) -> str:
        """Database and day."""
        return f"{self.database} ({self.name})"

    def rows(self) -> list[tuple[Any, ...]]:
        """Read all rows."""
        with sqlite3.connect(self.database) as connection:
            return connection.execute("select * from readings where day = ? order by id", (self.name,)).fetchall()

    def stamp(self) -> Any:
        """Return number and last change of the rows."""
        with sqlite3.connect(self.database) as connection:
            query = "select count(*), max(changed) from readings where day = ?"
            return [self.name, *connection.execute(query, (self.name,)).fetchone()]

    def identity(self) -> dict[str, Any]:
        """Hash the rows."""
        content = repr(self.rows()).encode()
        return {"name": self.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def read(self, data: DataSpec) -> Iterator[RawBatch]:  # noqa: ARG002 - the protocol's signature
        """Yield the rows as one batch."""
        rows = self.rows()
        columns = zip(("id", "day", "changed", "load"), zip(*rows, strict=True), strict=True)
        yield RawBatch(pa.RecordBatch.from_pydict(dict(columns)), np.arange(1, len(rows) + 1))


@dataclass(frozen=True)
class SqliteSource:
    """A table of a database, by days."""

    data: DataSpec
    parts: tuple[SqliteDay, ...]
    modality: str = "table"

    @classmethod
    def find(cls, data: DataSpec) -> "SqliteSource | None":
        """Find the days of the table that `sqlite://...` names."""
        protocol, _, database = data.source.partition("://")
        if protocol != "sqlite":
            return None
        with sqlite3.connect(database) as connection:
            days = [day for (day,) in connection.execute("select distinct day from readings order by day")]
        return cls(data, tuple(SqliteDay(Path(database), day) for day in days))

    def partitions(self, by: By, contract: Contract) -> tuple[Partition, ...]:  # noqa: ARG002 - the protocol's signature
        """Make a partition of each day."""
        return in_order(
            Partition(part.name, date.fromisoformat(part.name), replace(self, parts=(part,))) for part in self.parts
        )


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of two days, and its kind of source, registered."""
    rows = [(10 * day + row, DAYS[day], 0, float(row % 7)) for day in (0, 1) for row in range(10)]
    path = tmp_path / "plant.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table readings (id integer, day text, changed integer, load real)")
        connection.executemany("insert into readings values (?, ?, ?, ?)", rows)
    monkeypatch.setattr(modalities, "SOURCES", (SqliteSource.find, find_files))
    return path


def change(database: Path, day: str) -> None:
    """Change a cell of a day, and its time of change."""
    with sqlite3.connect(database) as connection:
        connection.execute("update readings set load = 99, changed = 1 where day = ? and id % 10 = 0", (day,))


def spec_of(database: Path) -> DataSpec:
    """Name the database as a source."""
    return DataSpec(source=f"sqlite://{database}", id="id", ignore=("changed",), roles={"day": Role.CATEGORICAL})


def test_a_database_table_becomes_a_dataset(database: Path, tmp_path: Path) -> None:
    """All rows arrive, under the name of their part; the manifest lists the parts with their hashes."""
    made = ingest(spec_of(database), Workspace.open(tmp_path / "ws"))

    rows = [row for batch in made.dataset.batches() for row in batch.to_pylist()]
    assert (made.rows_in, made.rows_accepted, made.reused) == (20, 20, False)
    assert [row["_row_id"] for row in rows] == [str(number) for number in range(20)]
    assert [row["_source_file"] for row in rows] == [DAYS[0]] * 10 + [DAYS[1]] * 10
    listed = [(part["name"], part["rows"]) for part in made.dataset.manifest.sources]
    assert listed == [(day, 10) for day in DAYS]


def test_the_same_rows_are_the_same_dataset(database: Path, tmp_path: Path) -> None:
    """Read again, the dataset is reused; one changed cell makes another."""
    first, second = (ingest(spec_of(database), Workspace.open(tmp_path / "ws")) for _ in range(2))
    change(database, DAYS[1])
    third = ingest(spec_of(database), Workspace.open(tmp_path / "ws"))

    assert second.reused
    assert second.directory == first.directory
    assert not third.reused
    assert third.directory != first.directory


def test_its_partitions_have_days_and_fingerprints(database: Path, tmp_path: Path) -> None:
    """Each day is ingested alone; what changes on one day leaves stamp and content of the other."""
    contract = ingest(spec_of(database), Workspace.open(tmp_path / "ws")).dataset.contract
    before = find_source(spec_of(database)).partitions("day", contract)
    marks = [(day.stamp(), day.content()) for day in before]
    change(database, DAYS[1])
    after = find_source(spec_of(database)).partitions("day", contract)

    alone = ingest_source(after[0].source, Workspace.open(tmp_path / "ws"), contract)

    assert [(day.key, day.day) for day in after] == [(day, date.fromisoformat(day)) for day in DAYS]
    assert (after[0].stamp(), after[0].content()) == marks[0]
    assert after[1].stamp() != marks[1][0]
    assert after[1].content() != marks[1][1]
    assert alone.rows_in == 10


def test_rows_that_change_while_they_are_read_are_refused(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dataset would be named after rows that it does not hold."""
    read = SqliteDay.read

    def read_late(day: SqliteDay, data: DataSpec) -> Iterator[RawBatch]:
        yield from read(day, data)
        change(database, DAYS[0])

    monkeypatch.setattr(SqliteDay, "read", read_late)

    with pytest.raises(SourceError, match=r"plant\.db \(2026-10-01\) changed while it was read"):
        ingest(spec_of(database), Workspace.open(tmp_path / "ws"))

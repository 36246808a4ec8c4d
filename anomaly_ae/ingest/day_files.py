"""The rows of one day in a file that holds many days, by its time column.

A day is identified by a digest of its rows alone, however the file around them grows: rows that arrive late for an old
day change its digest, and rows of other days do not. Where no id column names the rows, a row that moved counts as
another.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.errors import SourceError, SpecError
from anomaly_ae.ingest.cells import to_text
from anomaly_ae.ingest.contract import ARROW_TYPES, Contract
from anomaly_ae.ingest.parse import mask, parse_column
from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.ingest.source import Identity
from anomaly_ae.ingest.source_file import States
from anomaly_ae.ingest.table_files import TableFile
from anomaly_ae.spec import DataSpec, Role

_UNDATED = "undated"
"""Key of the rows whose time is missing or cannot be read."""
_CELL_ENDS, _NULL = "\x1f", "\x00"


@dataclass(frozen=True)
class DayRows:
    """The rows of a day.

    Attributes:
        day: the date; None for rows whose time is missing or cannot be read.
        rows: number of rows, including malformed ones.
        bytes: size of their cells.
        sha256: hash of the cells, in source order.
    """

    day: date | None
    rows: int
    bytes: int
    sha256: str

    @property
    def key(self) -> str:
        """The date as text, or `undated`."""
        return self.day.isoformat() if self.day else _UNDATED


@dataclass(frozen=True)
class DayFile(TableFile):
    """A file that stands for the rows of one day in it.

    Attributes:
        day: its rows.
        contract: says which column is the time, and which cells are hashed.
    """

    day: DayRows = field(kw_only=True)
    contract: Contract = field(kw_only=True, repr=False)

    @classmethod
    def of(cls, file: TableFile, day: DayRows, contract: Contract) -> Self:
        """Return the part of a file that one day makes up."""
        return cls(
            **{attribute.name: getattr(file, attribute.name) for attribute in fields(file)}, day=day, contract=contract
        )

    @property
    def size(self) -> int:
        """Bytes of the cells of the day."""
        return self.day.bytes

    def states(self) -> States:
        """Return number and digest of the rows: the file may grow, and its day stays the same."""
        return [(self.day.rows, self.day.sha256)]

    def read(self, data: DataSpec) -> Iterator[RawBatch]:
        """Yield the records of the day.

        Raises:
            SourceError: they are not those that were found when the file was cut into days, or cannot be read.
        """
        digest = Digest()
        for batch in super().read(data):
            for day, rows in split_days(batch, self.contract):
                if day == self.day.day:
                    digest.add(rows, self.contract)
                    yield rows
        if digest.of(self.day.day) != self.day:
            msg = f"{self.path} changed while it was read, among its rows of {self.day.key}; score it again"
            raise SourceError(msg)

    def identity(self) -> Identity:
        """Return name, day, size and SHA-256 of the rows."""
        return {"name": self.name, "day": self.day.key, "bytes": self.day.bytes, "sha256": self.day.sha256}


def time_column(contract: Contract) -> str:
    """Return the column that holds the time of a row.

    Raises:
        SpecError: there is none, or it holds no dates.
    """
    name = contract.named(Role.TIME)
    if name is None or not pa.types.is_timestamp(ARROW_TYPES[contract[name].dtype]):
        problem = "has no time column" if name is None else f"holds no dates in its time column {name!r}"
        msg = (
            f"rows cannot be split by day: the model's contract {problem}; set data.time to a column of dates and "
            "retrain, or use partitions by file"
        )
        raise SpecError(msg)
    return name


def split_days(batch: RawBatch, contract: Contract) -> Iterator[tuple[date | None, RawBatch]]:
    """Split a batch by day; malformed records have no day."""
    name, missing = time_column(contract), tuple(str(value) for value in contract.missing_values)
    days = parse_column(batch.column(name), contract[name], missing).values.cast(pa.date32())
    for day in days.unique():
        rows = mask(pc.equal(days, day)) if day.is_valid else mask(days.is_null())
        some = batch.records if rows.all() else batch.records.filter(pa.array(rows))
        yield day.as_py(), RawBatch(some, batch.numbers[rows])
    if batch.malformed:
        yield None, RawBatch(batch.records.slice(0, 0), batch.numbers[:0], batch.malformed)


@dataclass
class Digest:
    """Counts and hashes the rows of a day; the result does not depend on how they are batched."""

    rows: int = 0
    bytes: int = 0
    numbers: Any = field(default_factory=hashlib.sha256)
    texts: Any = field(default_factory=hashlib.sha256)

    def add(self, batch: RawBatch, contract: Contract) -> None:
        """Add rows, in source order."""
        numbers, texts = _cells(batch, contract)
        self.rows += batch.total
        self.bytes += len(numbers) + len(texts)
        self.numbers.update(numbers)
        self.texts.update(texts)

    def of(self, day: date | None) -> DayRows:
        """Return the rows added so far, as those of a day."""
        both = hashlib.sha256(self.numbers.digest() + self.texts.digest())
        return DayRows(day, self.rows, self.bytes, both.hexdigest())


def _cells(batch: RawBatch, contract: Contract) -> tuple[bytes, bytes]:
    """Return the cells that a dataset stores, row by row: those read as numbers, and those read as text."""
    id_column, label = contract.named(Role.ID), [contract.label.column] if contract.label else []
    numbers: list[np.ndarray] = [] if id_column else [batch.numbers.astype(np.float64)]
    texts: list[pa.Array] = []
    for name in [*(column.name for column in contract.stored), *label]:
        cells = batch.column(name)
        if name == id_column or pa.types.is_string(cells.type):  # an id may have more digits than a float keeps
            texts.append(to_text(cells))
        else:
            numbers.append(_as_floats(cells))
    malformed = [f"{record.number}{_CELL_ENDS}{record.text}\n".encode() for record in batch.malformed]
    return np.column_stack(numbers).tobytes() if numbers else b"", b"".join([_joined(texts), *malformed])


def _as_floats(cells: pa.Array) -> np.ndarray:
    plain = cells.cast(pa.int64()) if pa.types.is_timestamp(cells.type) else cells
    floats: np.ndarray = plain.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return floats


def _joined(texts: list[pa.Array]) -> bytes:
    """Return columns of text as bytes, row by row, each cell and each row with an end mark."""
    if not texts:
        return b""
    rows = pc.binary_join_element_wise(*texts, "\n", _CELL_ENDS, null_handling="replace", null_replacement=_NULL)
    whole = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows), "")
    return str(whole[0].as_py()).encode()

"""Where rows come from: a source has parts, which are identified and read, and partitions, which are scored one by one.

Files are one kind of source (`file_source.py`); a table of a database is another. Ingest knows only these protocols.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Protocol, TypeVar

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage import fingerprint

By = Literal["file", "day", "time"]
"""What makes a partition: a file; the date in the names of files; or the day that a row's time column says."""

Identity = dict[str, Any]
"""What a part holds, as the manifest of a dataset lists it: `name`, `bytes` and `sha256`."""


class SourcePart(Protocol):
    """A piece of a source that is identified and read as one: a file, or the rows of a day in a database table."""

    @property
    def name(self) -> str:
        """What `_source_file` of its rows says; unique within the source."""

    @property
    def location(self) -> str:
        """Where it is, for messages."""

    @property
    def size(self) -> int:
        """About how many bytes it has; 0 where nobody knows."""

    def stamp(self) -> Any:
        """Return JSON values that are cheap to get, such as a time of change: while they are equal, so is the content.

        Ingest compares them before and after it reads; a plan compares them with those of the last run.
        """

    def identity(self) -> Identity:
        """Return name, size and SHA-256 of the content; a dataset is named after them."""


class TablePart(SourcePart, Protocol):
    """A part of a source of tables."""

    def read(self, data: DataSpec) -> Iterator[RawBatch]:
        """Yield the records in batches, the same ones each time; an empty first batch may tell the columns early.

        Raises:
            SourceError: it cannot be read.
        """


Part_co = TypeVar("Part_co", bound=SourcePart, covariant=True)


class Source(Protocol[Part_co]):
    """What `data.source` names."""

    @property
    def data(self) -> DataSpec:
        """The section of the spec."""

    @property
    def modality(self) -> str:
        """Name of what the rows are."""

    @property
    def parts(self) -> Sequence[Part_co]:
        """What it consists of, in a fixed order."""

    def partitions(self, by: By, contract: Contract) -> "tuple[Partition, ...]":
        """Cut it into partitions, earliest day first, those without a day last.

        Args:
            by: what makes a partition.
            contract: of the model that is to score them.

        Raises:
            SourceError: a day is needed, and a name holds none; or a part cannot be read now.
            SpecError: rows cannot be told apart in this way.
        """


@dataclass(frozen=True)
class Partition:
    """A part of a source that is ingested and scored as one.

    Attributes:
        key: its name: that of its file, or its day.
        day: None where it has none.
        source: its rows.
    """

    key: str
    day: date | None
    source: Source[SourcePart]

    def stamp(self) -> str:
        """Return a fingerprint of the stamps of its parts: while it is the same, no content is read."""
        return fingerprint([part.stamp() for part in self.source.parts])

    def content(self) -> str:
        """Return a fingerprint of its content; reads all of it."""
        return content_of(part.identity() for part in self.source.parts)


def content_of(identities: Iterable[Mapping[str, Any]]) -> str:
    """Return a fingerprint of the content of parts, from their names and hashes."""
    return fingerprint([(part["name"], part["sha256"]) for part in identities])


def in_order(partitions: Iterable[Partition]) -> tuple[Partition, ...]:
    """Sort partitions by day, those without a day last, then by name."""
    return tuple(sorted(partitions, key=lambda partition: (partition.day or date.max, partition.key)))


def between(partitions: Iterable[Partition], since: date | None, until: date | None) -> tuple[Partition, ...]:
    """Return the partitions of a range of days, both ends included; an end that is None is open.

    Raises:
        SourceError: a range is asked for, and a partition has no day.
    """
    if since is None and until is None:
        return tuple(partitions)
    kept = []
    for partition in partitions:
        if partition.day is None:
            msg = f"{partition.key} has no date in its name, so it cannot be told whether it is in the range of days"
            raise SourceError(msg)
        if (since or date.min) <= partition.day <= (until or date.max):
            kept.append(partition)
    return tuple(kept)

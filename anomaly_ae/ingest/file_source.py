"""Sources that consist of files, cut into partitions by file or by the dates in their names."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Generic, Self, TypeVar

from anomaly_ae.errors import SourceError, SpecError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.source import By, Partition, in_order
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.spec import DataSpec

File = TypeVar("File", bound=SourceFile)

_DAY = re.compile(
    # 20260930, 20260930021500
    r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?:\d{4}|\d{6})?(?!\d)"
    # 2026-09-30, 2026/9/30, year=2026/month=09/day=30
    r"|(?<!\d)((?:19|20)\d\d)[-_./](?:month=)?(\d\d?)[-_./](?:day=)?(\d\d?)(?!\d)"
)


@dataclass(frozen=True)
class FileSource(Generic[File]):
    """Files of one modality.

    Attributes:
        data: the section of the spec.
        modality: name of what the files hold.
        parts: the files, sorted by name.
    """

    data: DataSpec
    modality: str
    parts: tuple[File, ...]

    def partitions(self, by: By, contract: Contract) -> tuple[Partition, ...]:
        """Cut the source into partitions.

        Args:
            by: `file` makes a partition of each file; `day` one of all files whose names hold the same date, relative
                to the directory or to the fixed part of the glob; `time` one of all rows of a day.
            contract: of the model; it says which column is the time.

        Raises:
            SourceError: a file's name holds no date, and `by` is `day`; or a file cannot be read now.
            SpecError: `by` is `time`, and rows have none.
        """
        if by == "time":
            return self._by_time(contract)
        groups = self._by_file() if by == "file" else self._by_day()
        return in_order(self._named(key, tuple(files)) for key, files in groups.items())

    def narrowed(self, files: tuple[File, ...], name: str) -> Self:
        """Return the source of some of the files, called `name`."""
        return replace(self, data=self.data.model_copy(update={"source": name}), parts=files)

    def _by_file(self) -> dict[str, list[File]]:
        return {file.name: [file] for file in self.parts}

    def _by_day(self) -> dict[str, list[File]]:
        groups: dict[str, list[File]] = defaultdict(list)
        for file in self.parts:
            for day, piece in self._days_of(file):
                groups[day.isoformat()].append(piece)
        return groups

    def _days_of(self, file: File) -> Iterator[tuple[date, File]]:
        """Yield a file with its day."""
        yield require_day(file.name), file

    def _by_time(self, contract: Contract) -> tuple[Partition, ...]:  # noqa: ARG002 - see `partitions`
        msg = f"the rows of {self.data.source} have no time column, so there are no days; use partitions by file"
        raise SpecError(msg)

    def _named(self, key: str, files: tuple[File, ...]) -> Partition:
        alone = len(files) == 1 and not files[0].members
        name = files[0].location if alone else f"{self.data.source} ({key})"
        return Partition(key, day_in(key), self.narrowed(files, name))


def day_in(name: str) -> date | None:
    """Return the last date in a name, such as `2026-09-30`, `20260930` or `year=2026/month=09/day=30`."""
    days = [day for match in _DAY.finditer(name) if (day := _as_day(match))]
    return days[-1] if days else None


def require_day(name: str) -> date:
    """Return the last date in a name.

    Raises:
        SourceError: it holds none.
    """
    day = day_in(name)
    if day is None:
        msg = f"{name} has no date in its name, such as 2026-09-30 or 20260930; use partitions by file"
        raise SourceError(msg)
    return day


def _as_day(match: re.Match[str]) -> date | None:
    year, month, day = (int(part) for part in match.groups() if part)
    try:
        return date(year, month, day)
    except ValueError:  # a number that looks like a date
        return None

"""Partitions: what a source is cut into where its rows arrive bit by bit; each is a file, or all files of a day."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from anomaly_ae.errors import SourceError
from anomaly_ae.ingest.pictures.idx_files import labels_beside
from anomaly_ae.ingest.sources import SourceFile
from anomaly_ae.modalities.source import Source
from anomaly_ae.storage import fingerprint

By = Literal["file", "day", "time"]
"""What is scored as one: a file; files with one date in their names; or the rows of a day (`days.py`)."""

_DAY = re.compile(
    # 20260930, 20260930021500
    r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?:\d{4}|\d{6})?(?!\d)"
    # 2026-09-30, 2026/9/30, year=2026/month=09/day=30
    r"|(?<!\d)((?:19|20)\d\d)[-_./](?:month=)?(\d\d?)[-_./](?:day=)?(\d\d?)(?!\d)"
)


@dataclass(frozen=True)
class Partition:
    """A part of a source that is ingested and scored as one.

    Attributes:
        key: what it is called: the name of its file, or its day.
        day: the date in its name; None where there is none.
        source: its files.
    """

    key: str
    day: date | None
    source: Source

    def stamp(self) -> str:
        """Return a fingerprint of names, sizes and times of change: as long as it is the same, no content is read."""
        return fingerprint([(file.name, file.members, file.states()) for file in self.source.files])


def find_partitions(source: Source, by: By = "file") -> tuple[Partition, ...]:
    """Cut a source into partitions, earliest day first, those of no day last, then by name.

    Args:
        source: a directory or a glob, or a single file, which is one partition.
        by: `file` makes a partition of each file, and one of all loose pictures; `day` one of all files whose names
            hold the same date, relative to the directory or to the fixed part of the glob.

    Raises:
        SourceError: a file's name holds no date, and `by` is `day`.
    """
    files = _by_file(source.files) if by == "file" else _by_day(source.files)
    found = [_partition(source, key, tuple(some)) for key, some in files.items()]
    return tuple(sorted(found, key=lambda one: (one.day or date.max, one.key)))


def between(partitions: Iterable[Partition], since: date | None, until: date | None) -> tuple[Partition, ...]:
    """Return the partitions of a range of days, both ends included; an end that is None is open.

    Raises:
        SourceError: a range is asked for, and a partition is of no day.
    """
    if since is None and until is None:
        return tuple(partitions)
    kept = []
    for one in partitions:
        if one.day is None:
            msg = f"{one.key} has no date in its name, so nobody can tell whether it is of the days asked for"
            raise SourceError(msg)
        if (since or date.min) <= one.day <= (until or date.max):
            kept.append(one)
    return tuple(kept)


def day_in(name: str) -> date | None:
    """Return the last date in a name, as of `2026-09-30`, `20260930` or `year=2026/month=09/day=30`."""
    days = [day for match in _DAY.finditer(name) if (day := _as_day(match))]
    return days[-1] if days else None


def _as_day(match: re.Match[str]) -> date | None:
    year, month, day = (int(part) for part in match.groups() if part)
    try:
        return date(year, month, day)
    except ValueError:  # a number that looks like a date
        return None


def _by_file(files: Iterable[SourceFile]) -> dict[str, list[SourceFile]]:
    files = list(files)
    owner = {labels_beside(file.path): file.name for file in files if file.format == "idx"}
    groups = defaultdict(list)
    for file in files:
        key = file.format if file.members else owner.get(file.path, file.name)
        groups[key].append(file)
    return groups


def _by_day(files: Iterable[SourceFile]) -> dict[str, list[SourceFile]]:
    groups = defaultdict(list)
    for file in files:
        for day, piece in _pieces(file):
            groups[day.isoformat()].append(piece)
    return groups


def _pieces(file: SourceFile) -> Iterator[tuple[date, SourceFile]]:
    """Yield a file with its day; a folder of loose pictures day by day."""
    if not file.members:
        yield _require_day(file.name), file
        return
    days = defaultdict(list)
    for member in file.members:
        days[_require_day(member)].append(member)
    for day, members in days.items():
        yield day, replace(file, members=tuple(members))


def _require_day(name: str) -> date:
    day = day_in(name)
    if day is None:
        msg = f"{name} has no date in its name, as 2026-09-30 or 20260930; take the partitions by file"
        raise SourceError(msg)
    return day


def _partition(source: Source, key: str, files: tuple[SourceFile, ...]) -> Partition:
    alone = len(files) == 1 and not files[0].members
    named = str(files[0].path) if alone else f"{source.data.source} ({key})"
    data = source.data.model_copy(update={"source": named})
    return Partition(key, day_in(key), Source(data, source.modality, files))

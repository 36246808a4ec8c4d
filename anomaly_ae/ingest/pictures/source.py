"""Pictures as a source, cut into partitions by their containers or by the dates in their paths."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from anomaly_ae.ingest.file_source import FileSource, require_day
from anomaly_ae.ingest.pictures.idx_files import labels_beside
from anomaly_ae.ingest.pictures.readers import PictureFile


@dataclass(frozen=True)
class PictureFileSource(FileSource[PictureFile]):
    """Folders, archives and arrays of pictures."""

    def _by_file(self) -> dict[str, list[PictureFile]]:
        """Make one partition of all loose pictures; labels go with the array that they belong to."""
        owner = {labels_beside(file.path): file.name for file in self.parts if file.format == "idx"}
        groups: dict[str, list[PictureFile]] = defaultdict(list)
        for file in self.parts:
            groups[file.format if file.members else owner.get(file.path, file.name)].append(file)
        return groups

    def _days_of(self, file: PictureFile) -> Iterator[tuple[date, PictureFile]]:
        """Yield a container with its day; a folder of loose pictures day by day."""
        if not file.members:
            yield from super()._days_of(file)
            return
        days: dict[date, list[str]] = defaultdict(list)
        for member in file.members:
            days[require_day(member)].append(member)
        for day, members in days.items():
            yield day, replace(file, members=tuple(members))

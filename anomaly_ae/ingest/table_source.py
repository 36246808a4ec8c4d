"""Files of tables as a source; a table that grows is cut into the days of its time column."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from anomaly_ae.errors import ContractError, SourceError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.day_files import DayFile, DayRows, Digest, split_days, time_column
from anomaly_ae.ingest.faults import is_in_the_data
from anomaly_ae.ingest.file_source import FileSource
from anomaly_ae.ingest.source import Partition, in_order
from anomaly_ae.ingest.table_files import TableFile
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage import hash_file


@dataclass(frozen=True)
class TableFileSource(FileSource[TableFile]):
    """Files of tables."""

    def _by_time(self, contract: Contract) -> tuple[Partition, ...]:
        """Cut the files into days in one pass that keeps no row; rows without a day are a partition of their own.

        A file that cannot be read becomes a partition under its own name, and is refused when it is to be scored.
        """
        time_column(contract)
        groups: dict[str, list[DayFile]] = defaultdict(list)
        for file in self.parts:
            for key, rows in _days_of(file, self.data, contract):
                groups[key].append(DayFile.of(file, rows, contract))
        return in_order(self._day(key, tuple(files)) for key, files in groups.items())

    def _day(self, key: str, files: tuple[DayFile, ...]) -> Partition:
        return Partition(key, files[0].day.day, self.narrowed(files, f"{self.data.source} ({key})"))


def last_day_over(contract: Contract, settle_days: int, now: datetime | None = None) -> date:
    """Return the last day that is taken to be complete: that many days before today, 1 meaning yesterday.

    A time column with a zone is read in UTC, and so is today; one without is read by this machine's clock.
    """
    now = now or datetime.now(UTC)
    today = (now if contract[time_column(contract)].dtype == "timestamp_utc" else now.astimezone()).date()
    return today - timedelta(days=settle_days)


def _days_of(file: TableFile, data: DataSpec, contract: Contract) -> Iterator[tuple[str, DayRows]]:
    """Yield the days of a file with their keys; one that cannot be read under its name, with none of its rows."""
    try:
        yield from ((rows.key, rows) for rows in _read_days(file, data, contract))
    except (SourceError, ContractError) as error:
        if not is_in_the_data(error):
            raise
        yield file.name, DayRows(None, 0, file.path.stat().st_size, hash_file(file.path))


def _read_days(file: TableFile, data: DataSpec, contract: Contract) -> list[DayRows]:
    digests: dict[date | None, Digest] = defaultdict(Digest)
    for batch in file.read(data):
        for day, rows in split_days(batch, contract):
            digests[day].add(rows, contract)
    return [digest.of(day) for day, digest in digests.items()]

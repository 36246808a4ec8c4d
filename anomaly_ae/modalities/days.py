"""Days as partitions: a table that grows, taken apart by its time column in one pass that keeps no row."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from anomaly_ae.errors import ContractError, SourceError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.day_files import DayFile, DayRows, Digest, split_days, time_column
from anomaly_ae.ingest.faults import is_in_the_data
from anomaly_ae.ingest.readers import read_records
from anomaly_ae.ingest.sources import SourceFile
from anomaly_ae.modalities.partitions import Partition
from anomaly_ae.modalities.source import Source
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage import hash_file


def find_days(source: Source, contract: Contract) -> tuple[Partition, ...]:
    """Cut a source into the days of its time column, earliest first, rows of no day last; reads every file once.

    A file that cannot be read is a partition of its own, under its name, and is refused when it comes to be scored.

    Args:
        source: tables.
        contract: what the rows must look like; it says which column is the time.

    Raises:
        SpecError: the contract has no time column that holds dates.
        SourceError: a file cannot be read now, though it may be another time.
    """
    time_column(contract)
    groups: dict[str, list[DayFile]] = defaultdict(list)
    for file in source.files:
        for key, rows in _days_of(file, source.data, contract):
            groups[key].append(DayFile.of(file, rows))
    found = [_partition(source, key, tuple(files)) for key, files in groups.items()]
    return tuple(sorted(found, key=lambda one: (one.day or date.max, one.key)))


def last_day_over(contract: Contract, settle_days: int, now: datetime | None = None) -> date:
    """Return the last day that is taken to be complete: so many days before today, 1 meaning yesterday.

    A time column with a zone is read in UTC, and so is today; one without is read by this machine's clock.
    """
    now = now or datetime.now(UTC)
    today = (now if contract[time_column(contract)].dtype == "timestamp_utc" else now.astimezone()).date()
    return today - timedelta(days=settle_days)


def _days_of(file: SourceFile, data: DataSpec, contract: Contract) -> Iterator[tuple[str, DayRows]]:
    """Yield the days of a file with their keys; one that cannot be read under its name, with none of its rows."""
    try:
        yield from ((rows.key, rows) for rows in _read_days(file, data, contract))
    except (SourceError, ContractError) as error:
        if not is_in_the_data(error):
            raise
        yield file.name, DayRows(None, 0, file.path.stat().st_size, hash_file(file.path))


def _read_days(file: SourceFile, data: DataSpec, contract: Contract) -> list[DayRows]:
    digests: dict[date | None, Digest] = defaultdict(Digest)
    for batch in read_records(file, data):
        for day, rows in split_days(batch, contract):
            digests[day].add(rows, contract)
    return [digest.of(day) for day, digest in digests.items()]


def _partition(source: Source, key: str, files: tuple[DayFile, ...]) -> Partition:
    data = source.data.model_copy(update={"source": f"{source.data.source} ({key})"})
    return Partition(key, files[0].day.day, Source(data, source.modality, files))

"""All rows of a source, held against a contract: read on one thread, parsed on several, in source order."""

from collections.abc import Iterator, Sequence

from anomaly_ae.errors import ContractError
from anomaly_ae.ingest.ahead import map_ahead
from anomaly_ae.ingest.apply import Applied, apply_contract, without_duplicates
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.day_files import DayFile, rows_of_day
from anomaly_ae.ingest.ids import SeenIds
from anomaly_ae.ingest.infer import nearest
from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.ingest.readers import HEADERLESS, read_records
from anomaly_ae.ingest.sources import SourceFile
from anomaly_ae.spec import DataSpec, Role


def stream_rows(
    files: Sequence[SourceFile], data: DataSpec, contract: Contract
) -> Iterator[tuple[SourceFile, Applied]]:
    """Yield every batch of a source, held against the contract; memory holds a few batches at a time.

    Raises:
        SourceError: a file cannot be read.
        ContractError: a file lacks a column.
    """
    id_column = contract.named(Role.ID)
    seen = SeenIds()
    batches = ((file, batch) for file in files for batch in _read_complete(file, data, contract))

    def apply(pair: tuple[SourceFile, RawBatch]) -> tuple[SourceFile, Applied]:
        file, batch = pair
        return file, apply_contract(batch, contract, file.name)

    for file, applied in map_ahead(apply, batches):
        yield file, without_duplicates(applied, id_column, seen) if id_column else applied


def _read_complete(file: SourceFile, data: DataSpec, contract: Contract) -> Iterator[RawBatch]:
    """Yield the batches of a file, and see to it that the file has every column that the dataset needs."""
    seen: set[str] = set()
    batches = read_records(file, data)
    for batch in rows_of_day(batches, file, contract) if isinstance(file, DayFile) else batches:
        seen.update(batch.records.schema.names)
        if file.format not in HEADERLESS:
            _require_columns(seen, file, contract)
        yield batch
    if seen:
        _require_columns(seen, file, contract)


def _require_columns(seen: set[str], file: SourceFile, contract: Contract) -> None:
    """Refuse a file that lacks a column; a label may be lacking, as new rows have none."""
    for column in contract.stored:
        if column.name not in seen:
            msg = (
                f"{file.path} lacks the {column.role} column {column.name!r}, which the contract has; "
                f"{nearest(column.name, seen)}"
            )
            raise ContractError(msg)

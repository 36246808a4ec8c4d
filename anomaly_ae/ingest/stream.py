"""All rows of a source of tables, checked against a contract: read on one thread, parsed on several, in order."""

from collections.abc import Iterator, Sequence

from anomaly_ae.errors import ContractError
from anomaly_ae.ingest.ahead import map_ahead
from anomaly_ae.ingest.apply import Applied, apply_contract, without_duplicates
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.ids import SeenIds
from anomaly_ae.ingest.infer import nearest
from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.ingest.source import TablePart
from anomaly_ae.spec import DataSpec, Role


def stream_rows(parts: Sequence[TablePart], data: DataSpec, contract: Contract) -> Iterator[tuple[str, Applied]]:
    """Yield every batch of a source, checked against the contract; memory holds a few batches at a time.

    Returns:
        Pairs of the name of a part and a batch of it.

    Raises:
        SourceError: a part cannot be read.
        ContractError: a part lacks a column.
    """
    id_column = contract.named(Role.ID)
    seen = SeenIds()
    batches = ((part.name, batch) for part in parts for batch in _read_complete(part, data, contract))

    def apply(pair: tuple[str, RawBatch]) -> tuple[str, Applied]:
        name, batch = pair
        return name, apply_contract(batch, contract, name)

    for name, applied in map_ahead(apply, batches):
        yield name, without_duplicates(applied, id_column, seen) if id_column else applied


def _read_complete(part: TablePart, data: DataSpec, contract: Contract) -> Iterator[RawBatch]:
    """Yield the batches of a part, and make sure that it has every column that the dataset needs."""
    seen: set[str] = set()
    for batch in part.read(data):
        seen.update(batch.records.schema.names)
        if not batch.total:  # the columns of a header; without one, a column may come with any batch
            _require_columns(seen, part, contract)
        yield batch
    if seen:
        _require_columns(seen, part, contract)


def _require_columns(seen: set[str], part: TablePart, contract: Contract) -> None:
    """Refuse a part that lacks a column; the label may be missing, as new rows have none."""
    for column in contract.stored:
        if column.name not in seen:
            msg = (
                f"{part.location} lacks the {column.role} column {column.name!r} of the data contract; "
                f"{nearest(column.name, sorted(seen))}"
            )
            raise ContractError(msg)

"""Accepted rows under a contract, which can be read repeatedly, and batches of an exact size."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import pyarrow as pa

from anomaly_ae.errors import ContractError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.storage.locations import Location


class RowStore(Protocol):
    """Rows that are split, fitted on and scored: a published dataset, or anything that reads like one."""

    @property
    def contract(self) -> Contract:
        """The roles of the columns; `contract.schema` is the schema of every batch."""

    @property
    def rows(self) -> int:
        """How many rows there are."""

    def batches(
        self, columns: Sequence[str] | None = None, part: Location | None = None, batch_rows: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, in batches of `batch_rows` rows; arguments as of `Dataset.batches`."""


def rebatch(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Cut and join batches so that each has exactly `rows` rows, but for the last."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        while count >= rows:
            joined = _join(waiting)
            yield joined.slice(0, rows)
            count -= rows
            waiting = [joined.slice(rows)]
    if count:
        yield _join(waiting)


def _join(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    joined = pa.Table.from_batches(batches).combine_chunks().to_batches()
    if len(joined) > 1:
        msg = "a text column has more than 2 GiB in one batch; give it the role ignored, or ask for smaller batches"
        raise ContractError(msg)
    return joined[0]

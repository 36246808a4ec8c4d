"""What every reader yields: records as they stand in the file, each with its number."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Malformed:
    """A record that has no columns: it cannot be taken apart.

    Attributes:
        number: its place in the file, from 1; a header is not counted.
        text: the record as it stands there.
        code: the reject reason, a stable code.
        detail: a sentence on what is wrong with it.
    """

    number: int
    text: str
    code: str
    detail: str


@dataclass(frozen=True)
class RawBatch:
    """Consecutive records of one file.

    Attributes:
        records: the well-formed ones; CSV gives string columns, other formats one of the types of `arrow_files.plain`.
        numbers: their record numbers, ascending.
        malformed: the others that lie among them.
    """

    records: pa.RecordBatch
    numbers: np.ndarray
    malformed: tuple[Malformed, ...] = ()

    @property
    def total(self) -> int:
        """How many records there are, malformed ones among them."""
        return len(self.numbers) + len(self.malformed)

    def column(self, name: str) -> pa.Array:
        """Return a column of the records; of nulls where they have none of that name."""
        place = self.records.schema.get_field_index(name)
        return pa.nulls(len(self.numbers)) if place < 0 else self.records.column(place)


def without(batch: RawBatch, bad: dict[int, Malformed]) -> RawBatch:
    """Return the batch with some of its rows (by index) turned into malformed records."""
    keep = np.setdiff1d(np.arange(len(batch.numbers)), list(bad))
    return RawBatch(batch.records.take(pa.array(keep)), batch.numbers[keep], (*batch.malformed, *bad.values()))

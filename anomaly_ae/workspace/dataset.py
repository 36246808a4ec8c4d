"""The dataset: Parquet parts under one contract, the rejected rows beside them, and the account of every row.

part-00000.parquet, ...   accepted rows
rejected.parquet          rows that were not accepted, with the reason
contract.json             what the columns are for
manifest.json             sources, parts and counts
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from anomaly_ae.errors import ContractError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.rows import rebatch
from anomaly_ae.ingest.writer import REJECTED
from anomaly_ae.storage import is_published, read_json
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import open_parquet
from anomaly_ae.workspace.manifest import Manifest

CONTRACT = "contract.json"


class PartRecord(BaseModel):
    """One part of a dataset."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int


class DatasetManifest(Manifest):
    """What ingest recorded.

    Attributes:
        fingerprint: names the dataset: made from the bytes of the source and from how they were read.
        source: as the spec named it.
        sources: each file, or each day of a table, with name, size, hash and number of rows.
        parts: the Parquet files, in order.
        rows_in: records in the source; always rows_accepted + rows_rejected.
        rows_accepted: rows of the parts.
        rows_rejected: rows of `rejected.parquet`.
        rejected_by_reason: how many for each reason.
    """

    KIND: ClassVar[str] = "dataset"
    FORMAT_VERSION: ClassVar[int] = 1
    REMEDY: ClassVar[str] = "ingest the source again"

    fingerprint: str
    source: str
    sources: tuple[dict[str, Any], ...]
    parts: tuple[PartRecord, ...]
    rows_in: int
    rows_accepted: int
    rows_rejected: int
    rejected_by_reason: dict[str, int]


@dataclass(frozen=True)
class Dataset:
    """A published dataset.

    Attributes:
        directory: where it is.
        manifest: what ingest recorded.
    """

    directory: Location
    manifest: DatasetManifest

    @classmethod
    def open(cls, directory: Location) -> Self:
        """Open a dataset that ingest published.

        Raises:
            ArtifactError: it does not exist, is incomplete, is no dataset, or has another format version.
        """
        return cls(directory, DatasetManifest.read(directory))

    @classmethod
    def find(cls, directory: Location) -> Self | None:
        """Open a dataset; None where there is none."""
        return cls.open(directory) if is_published(directory) else None

    @cached_property
    def contract(self) -> Contract:
        """What the columns are for; `contract.schema` is the schema of every part."""
        self.manifest.verify(self.directory, (CONTRACT,))
        return Contract.model_validate(read_json(self.directory / CONTRACT))

    @property
    def parts(self) -> list[Location]:
        """The Parquet files that hold the rows, in order."""
        return [self.directory / part.name for part in self.manifest.parts]

    @property
    def rejected(self) -> Location:
        """The Parquet file of the rejected rows."""
        return self.directory / REJECTED

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.manifest.rows_accepted

    @property
    def fingerprint(self) -> str:
        """What the dataset was made from, as one short text: the same inputs, the same fingerprint."""
        return self.manifest.fingerprint

    def batches(
        self, columns: Sequence[str] | None = None, part: Location | None = None, batch_rows: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, in batches of exactly `batch_rows` rows but for the last of a part.

        Args:
            columns: which columns, in which order; default: all.
            part: one of `parts`; default: all of them, one after the other.
            batch_rows: rows per batch.

        Raises:
            ContractError: the dataset has no such column.
        """
        names = self.contract.schema.names if columns is None else list(columns)
        unknown = [name for name in names if name not in self.contract.schema.names]
        if unknown:
            msg = f"the dataset has no column {unknown[0]!r}; it has {', '.join(self.contract.schema.names)}"
            raise ContractError(msg)
        for path in self.parts if part is None else [part]:
            with open_parquet(path) as parquet:
                for batch in rebatch(parquet.iter_batches(batch_rows, columns=names), batch_rows):
                    yield batch.select(names)

"""The dataset directory: Parquet parts under one contract, read in batches of exactly the size asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from anomaly_ae.errors import ArtifactError, ContractError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.rows import rebatch
from anomaly_ae.storage import read_json, read_manifest
from anomaly_ae.storage.parquet import open_parquet

KIND = "dataset"
CONTRACT = "contract.json"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Dataset:
    """A published dataset.

    Attributes:
        directory: where it is.
        contract: what its columns are for; `contract.schema` is the schema of every part.
        manifest: the facts that ingest recorded.
    """

    directory: Path
    contract: Contract
    manifest: dict[str, Any]

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open a dataset that ingest published.

        Raises:
            ArtifactError: it is not there, is not complete, is no dataset, or was written in another format version.
        """
        manifest = read_manifest(directory, kind=KIND)
        if manifest["format_version"] != FORMAT_VERSION:
            msg = (
                f"{directory} has format version {manifest['format_version']}, and this version of anomaly_ae reads "
                f"{FORMAT_VERSION}; ingest the source again"
            )
            raise ArtifactError(msg)
        return cls(directory, Contract.model_validate(read_json(directory / CONTRACT)), manifest)

    @property
    def parts(self) -> list[Path]:
        """The Parquet files that hold the rows, in order."""
        return [self.directory / part["name"] for part in self.manifest["parts"]]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.manifest["rows_accepted"])

    @property
    def fingerprint(self) -> str:
        """What the dataset was made from, as one short text: the same inputs, the same fingerprint."""
        return str(self.manifest["fingerprint"])

    def batches(
        self, columns: Sequence[str] | None = None, part: Path | None = None, batch_rows: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, in batches of exactly `batch_rows` rows but for the last of a part.

        Args:
            columns: which columns, in which order; default: all.
            part: one of `parts`; default: all of them, one after the other.
            batch_rows: rows a batch.

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

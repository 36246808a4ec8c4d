"""Ingest: raw tables or pictures in, one published dataset out, and every row accounted for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from anomaly_ae.errors import ContractError, SourceError
from anomaly_ae.ingest.accounting import RowAccount
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.source import Source, SourcePart
from anomaly_ae.ingest.writer import RejectWriter, open_rejects, write_parts
from anomaly_ae.modalities import find_source, modality_of
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage import fingerprint, publish, write_json
from anomaly_ae.storage.locations import Location
from anomaly_ae.workspace.dataset import CONTRACT, Dataset, DatasetManifest
from anomaly_ae.workspace.workspace import Workspace


@dataclass(frozen=True)
class IngestResult:
    """What ingest made.

    Attributes:
        dataset: the published dataset.
        reused: whether it existed already, made from the same bytes in the same way.
    """

    dataset: Dataset
    reused: bool

    @property
    def directory(self) -> Location:
        """Where the dataset is."""
        return self.dataset.directory

    @property
    def rows_in(self) -> int:
        """Records in the source; always rows_accepted + rows_rejected."""
        return self.dataset.manifest.rows_in

    @property
    def rows_accepted(self) -> int:
        """Rows of the dataset."""
        return self.dataset.manifest.rows_accepted

    @property
    def rows_rejected(self) -> int:
        """Rows of its `rejected.parquet`."""
        return self.dataset.manifest.rows_rejected

    @property
    def rejected_by_reason(self) -> dict[str, int]:
        """How many for each reason."""
        return self.dataset.manifest.rejected_by_reason

    def facts(self) -> dict[str, Any]:
        """Return what was made as JSON values."""
        names = ("rows_in", "rows_accepted", "rows_rejected", "rejected_by_reason", "reused")
        return {"directory": str(self.directory), **{name: getattr(self, name) for name in names}}


def ingest(data: DataSpec, workspace: Workspace, contract: Contract | None = None) -> IngestResult:
    """Read a source into a dataset, named by the fingerprint of everything that goes into it.

    Args:
        data: the source and what its columns mean.
        workspace: receives the dataset.
        contract: what the rows must look like; default: inferred from the first of them. With a contract given, what
            `data` says about columns is not used.

    Raises:
        SourceError: the source cannot be found or read.
        SpecError: `data` does not fit the source.
        ContractError: the rows do not fit the contract, or too many of them are rejected; nothing is published.
    """
    return ingest_source(find_source(data), workspace, contract)


def ingest_source(source: Source[SourcePart], workspace: Workspace, contract: Contract | None = None) -> IngestResult:
    """Read a source that has been found already; arguments and errors as for `ingest`."""
    data = source.data
    before = [part.stamp() for part in source.parts]
    sources = [part.identity() for part in source.parts]
    name = fingerprint(
        {
            "format_version": DatasetManifest.FORMAT_VERSION,
            "sources": sources,
            "data": data.model_dump(mode="json", exclude={"source"}),
            "contract": contract and contract.model_dump(mode="json"),
        }
    )
    if (known := workspace.find_dataset(name)) is not None:
        return IngestResult(known, reused=True)
    target = workspace.dataset_directory(name)
    facts = {
        "kind": DatasetManifest.KIND,
        "format_version": DatasetManifest.FORMAT_VERSION,
        "fingerprint": name,
        "source": data.source,
    }
    contract = contract or modality_of(source.modality).infer_contract(source)
    _check_modality(source, contract)
    with publish(target) as staging:
        account, parts = _write(staging.path, source, contract)
        _check_stamps(source.parts, before)
        _check_rejects(account, data)
        listed = [{**one, "rows": account.rows[one["name"]]} for one in sources]
        staging.facts.update(facts, sources=listed, parts=parts, **account.facts())
        staging.facts.update(modality_of(source.modality).facts([staging.path / part["name"] for part in parts]))
    return IngestResult(Dataset.open(target), reused=False)


def _write(
    directory: Location, source: Source[SourcePart], contract: Contract
) -> tuple[RowAccount, list[dict[str, Any]]]:
    """Write the files of a dataset; return the counts and the parts."""
    account = RowAccount(contract)
    write_json(directory / CONTRACT, contract.model_dump(mode="json"))
    with open_rejects(directory) as rejects:
        groups = modality_of(source.modality).row_groups(_accepted(source, account, rejects))
        parts = write_parts(directory, contract.schema, groups)
    return account, parts


def _accepted(source: Source[SourcePart], account: RowAccount, rejects: RejectWriter) -> Iterator[pa.RecordBatch]:
    """Yield the accepted rows; count all rows and write the rejected ones on the way."""
    for name, applied in modality_of(source.modality).read(source, account.contract):
        account.add(name, applied)
        rejects.write(applied.rejects)
        yield applied.accepted


def _check_modality(source: Source[SourcePart], contract: Contract) -> None:
    """Refuse a source of another modality than the contract's."""
    if contract.modality != source.modality:
        held, wanted = (modality_of(name).plural for name in (source.modality, contract.modality))
        msg = f"{source.data.source} holds {held}, and the model it is read for was trained on {wanted}"
        raise ContractError(msg)


def _check_rejects(account: RowAccount, data: DataSpec) -> None:
    """Refuse a source without rows, or with too many rejected rows."""
    if not account.rows_in:
        msg = f"{data.source} holds no rows"
        raise ContractError(msg)
    if account.rejected > data.max_reject_share * account.rows_in:
        msg = (
            f"{account.rejected} of {account.rows_in} rows of {data.source} are rejected, more than "
            f"data.max_reject_share={data.max_reject_share:g} allows: {account.worst()}. Fix the source, or change "
            "what `data` says of its columns (roles, missing_values, encoding, delimiter; more infer_rows if later "
            "rows are of another type), or raise data.max_reject_share"
        )
        raise ContractError(msg)


def _check_stamps(parts: Sequence[SourcePart], before: list[Any]) -> None:
    """Refuse a source that changed while it was read: the dataset's name would not match its content."""
    for part, then in zip(parts, before, strict=True):
        if part.stamp() != then:
            msg = f"{part.location} changed while it was read; ingest it again when it is complete"
            raise SourceError(msg)

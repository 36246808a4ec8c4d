"""The files of a source, of whichever modality."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from anomaly_ae.ingest.apply import Applied
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.infer import infer_contract
from anomaly_ae.ingest.pictures.contract import picture_contract
from anomaly_ae.ingest.pictures.stream import stream_pictures
from anomaly_ae.ingest.sources import SourceFile
from anomaly_ae.ingest.stream import stream_rows
from anomaly_ae.spec import DataSpec

_Stream = Callable[[Sequence[SourceFile], DataSpec, Contract], Iterator[tuple[SourceFile, Applied]]]
_STREAMS: dict[str, _Stream] = {"table": stream_rows, "pictures": stream_pictures}
_CONTRACTS: dict[str, Callable[[Sequence[SourceFile], DataSpec], Contract]] = {
    "table": infer_contract,
    "pictures": picture_contract,
}


@dataclass(frozen=True)
class Source:
    """What `data.source` names.

    Attributes:
        data: the section of the spec.
        modality: what the files hold.
        files: sorted by name.
    """

    data: DataSpec
    modality: str
    files: tuple[SourceFile, ...]

    def infer_contract(self) -> Contract:
        """Find out what the rows look like, from the first of them and what the spec says.

        Raises:
            SpecError: the spec does not fit the source.
            ContractError: there is nothing to learn from.
        """
        return _CONTRACTS[self.modality](self.files, self.data)

    def stream(self, contract: Contract) -> Iterator[tuple[SourceFile, Applied]]:
        """Yield every batch of rows, held against the contract.

        Raises:
            SourceError: a file cannot be read.
            ContractError: a file lacks a column.
        """
        return _STREAMS[self.modality](self.files, self.data, contract)

"""Tables or pictures: told once, by what a source holds; the steps then go the same way for both."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from anomaly_ae.errors import ContractError, SourceError
from anomaly_ae.ingest.apply import Applied
from anomaly_ae.ingest.contract import Contract, Modality
from anomaly_ae.ingest.infer import infer_contract
from anomaly_ae.ingest.pictures.contract import picture_contract
from anomaly_ae.ingest.pictures.find import container_of, find_pictures, is_picture
from anomaly_ae.ingest.pictures.parquet_files import holds_pictures
from anomaly_ae.ingest.pictures.stream import stream_pictures
from anomaly_ae.ingest.sources import SUFFIXES, SourceFile, find_sources, is_table, root_of, visible_files
from anomaly_ae.ingest.stream import stream_rows
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage import expand, locate, reach

_Stream = Callable[[Sequence[SourceFile], DataSpec, Contract], Iterator[tuple[SourceFile, Applied]]]
_STREAMS: dict[Modality, _Stream] = {"table": stream_rows, "pictures": stream_pictures}
_CONTRACTS: dict[Modality, Callable[[Sequence[SourceFile], DataSpec], Contract]] = {
    "table": infer_contract,
    "pictures": picture_contract,
}
_IN_WORDS: dict[Modality, str] = {"table": "tables", "pictures": "pictures"}
"""A new modality is one line here and above."""


@dataclass(frozen=True)
class Source:
    """What `data.source` names.

    Attributes:
        data: the section of the spec.
        modality: what the files hold.
        files: sorted by name.
    """

    data: DataSpec
    modality: Modality
    files: tuple[SourceFile, ...]

    @classmethod
    def find(cls, data: DataSpec) -> Self:
        """Find the files of a source, and tell what they hold.

        Raises:
            SourceError: nothing is there, it holds both tables and pictures, or its format cannot be told.
            StorageError: the place cannot be reached.
        """
        reach(root_of(data.source))
        modality = _modality(data)
        files = find_pictures(data.source) if modality == "pictures" else find_sources(data.source, data.format)
        return cls(data, modality, tuple(files))

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
            ContractError: the contract is one of other things, or a file lacks a column.
        """
        if contract.modality != self.modality:
            held, wanted = (_IN_WORDS[modality] for modality in (self.modality, contract.modality))
            msg = f"{self.data.source} holds {held}, and the model it is read for was trained on {wanted}"
            raise ContractError(msg)
        return _STREAMS[self.modality](self.files, self.data, contract)


def _modality(data: DataSpec) -> Modality:
    """Tell what a source holds: as `data.format` says, else by the names and, of Parquet, the contents of its files."""
    if data.format != "auto":
        return "pictures" if data.format == "pictures" else "table"
    found = list(_files(data.source))
    loose = any(is_picture(path) for path in found)
    tables = [path for path in found if is_table(path)]
    if tables and all(path.suffix in {".parquet", ".pq"} and holds_pictures(path) for path in tables):
        return "pictures"
    if loose and tables:
        msg = (
            f"{data.source} holds tables ({tables[0].name}) and pictures; set data.format to pictures, or to that of "
            f"the tables ({', '.join(sorted(set(SUFFIXES.values())))})"
        )
        raise SourceError(msg)
    return "pictures" if not tables and (loose or any(map(container_of, found))) else "table"


def _files(source: str) -> Iterator[Path]:
    path = locate(source)
    if path.is_dir():
        yield from visible_files(path)
    else:
        yield from [path] if path.is_file() else expand(source)

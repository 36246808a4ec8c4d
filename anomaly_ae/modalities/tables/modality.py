"""Tables: rows of numbers, categories, booleans and datetimes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from anomaly_ae.ingest.apply import Applied
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.infer import infer_contract, read_sample
from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.ingest.source import Source, TablePart
from anomaly_ae.ingest.stream import stream_rows
from anomaly_ae.ingest.table_files import SUFFIXES, find_tables
from anomaly_ae.ingest.table_source import TableFileSource
from anomaly_ae.ingest.writer import group_rows
from anomaly_ae.modalities.modality import Baselines, NoFiles, ReadBeside
from anomaly_ae.modalities.tables.column_summary import summarise
from anomaly_ae.modalities.tables.starter_spec import starter_spec
from anomaly_ae.spec import DataSpec, NetworkSection, Spec
from anomaly_ae.split import SplitRule
from anomaly_ae.storage.locations import Location

if TYPE_CHECKING:
    from torch import Tensor

    from anomaly_ae.modalities.model import Fitted
    from anomaly_ae.modalities.tables.model import TableModel, TableParts
    from anomaly_ae.training import Check, Conduct


class Tables:
    """The modality of tables; see `Modality` for what each method promises."""

    name = "table"
    plural = "tables"
    formats = frozenset(SUFFIXES.values())
    scored_columns: tuple[pa.Field, ...] = ()
    tells_stories = True
    report_sections: tuple[str, ...] = ()

    def recognises(self, paths: Sequence[Location], source: str) -> bool:  # noqa: ARG002 - the protocol's signature
        """Take whatever no other modality has recognised; `find` says what is wrong with it."""
        return True

    def find(self, data: DataSpec) -> TableFileSource:
        """Find the files of tables."""
        return TableFileSource(data, self.name, tuple(find_tables(data.source, data.format)))

    def infer_contract(self, source: Source[TablePart]) -> Contract:
        """Guess each column's role and type from a sample."""
        return infer_contract(source.parts, source.data)

    def read(self, source: Source[TablePart], contract: Contract) -> Iterator[tuple[str, Applied]]:
        """Parse every cell as the contract says."""
        return stream_rows(source.parts, source.data, contract)

    def row_groups(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Cut rows into groups of equally many."""
        return group_rows(batches)

    def facts(self, parts: Sequence[Location]) -> dict[str, Any]:  # noqa: ARG002 - the protocol's signature
        """Return nothing: the counts of ingest say it all."""
        return {}

    def starter_spec(self, source: Source[TablePart], name: str) -> str:
        """Guess the columns' roles from a sample."""
        sample = pa.table(read_sample(source.parts, source.data))
        return starter_spec(summarise(sample, self.infer_contract(source)), name, _estimate_rows(sample, source))

    def choose_network(self, rows: RowStore) -> NetworkSection:  # noqa: ARG002 - the protocol's signature
        """Choose the memory network for every table."""
        from anomaly_ae.networks.memory import MemoryNetwork  # noqa: PLC0415 - loads torch

        return MemoryNetwork()

    def fit(self, rows: RowStore, rule: SplitRule, spec: Spec, conduct: "Conduct") -> "Fitted":
        """Fit encoder, network and error scale."""
        from anomaly_ae.modalities.tables.model import fit_table  # noqa: PLC0415 - loads torch

        return fit_table(rows, rule, spec, conduct)

    def parts_type(self) -> "type[TableParts]":
        """Return encoder and error scale."""
        from anomaly_ae.modalities.tables.model import TableParts  # noqa: PLC0415 - loads torch

        return TableParts

    def rebuild(
        self, parts: "TableParts", tensors: "Mapping[str, Tensor]", spec: Spec, history: "tuple[Check, ...]"
    ) -> "TableModel":
        """Rebuild a model."""
        from anomaly_ae.modalities.tables.model import TableModel  # noqa: PLC0415 - loads torch

        return TableModel.rebuild(parts, tensors, spec, history)

    def open_files(self, parts: "TableParts", spec: Spec, directory: Location, part: str) -> NoFiles:  # noqa: ARG002 - the protocol's signature
        """Write no files."""
        return NoFiles()

    def baselines(self, parts: "TableParts", spec: Spec, contract: Contract) -> Baselines:
        """Compare with simple methods on the encoder's elements, and with the network before its training."""
        from anomaly_ae.modalities.tables.baselines import TableBaselines  # noqa: PLC0415 - loads torch

        return TableBaselines(parts.encoder, spec, contract.features)

    def locate(self, scored: Location, beside: ReadBeside) -> None:
        """Judge nothing: a row's reasons are its columns."""


def _estimate_rows(sample: pa.Table, source: Source[TablePart]) -> int:
    """Return how many rows there are: counted where the sample is all of them, else guessed from the bytes."""
    rows, size = int(sample.num_rows), int(sample.nbytes)
    if rows < source.data.infer_rows:
        return rows
    total = sum(part.size for part in source.parts)
    return max(rows, total * rows // max(size, 1))

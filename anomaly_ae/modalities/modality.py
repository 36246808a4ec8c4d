"""The protocol of a modality: everything the pipeline has to know about one kind of rows.

A modality is one package here and one line in `modalities/__init__.py`. Stages, report and workspace ask for one by the
name that a contract carries and call it; they never compare that name. Ingest must not wait for torch: the methods from
`choose_network` on import what they need when they are called.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anomaly_ae.ingest.apply import Applied
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.ingest.source import Source
from anomaly_ae.spec import DataSpec, NetworkSection, Spec
from anomaly_ae.split import SplitRule
from anomaly_ae.storage.locations import Location

if TYPE_CHECKING:
    from torch import Tensor

    from anomaly_ae.evaluation.pixels import PixelMetrics
    from anomaly_ae.modalities.model import Fitted, Model, ModelParts
    from anomaly_ae.scoring.scores import Scores
    from anomaly_ae.training import Check, Conduct

Parts = TypeVar("Parts", bound="ModelParts")

Baselines: TypeAlias = Callable[[pa.Table, pa.Table], dict[str, NDArray[np.float64]]]
"""Fits simple methods on train rows and scores others: the scores `(n,)` by the name of the method."""

ReadBeside: TypeAlias = Callable[[Sequence[str], Sequence[str], int], Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]]
"""Takes columns of the scored table, columns of its dataset and rows a batch; yields both side by side."""


class RowFiles(Protocol):
    """Writes the files that lie beside one part of a scored table."""

    def write(self, rows: pa.RecordBatch, scores: "Scores", is_anomaly: NDArray[np.bool_]) -> Mapping[str, pa.Array]:
        """Write the files of a batch of dataset rows; return the batch's `scored_columns`."""

    def finish(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the part's scored rows, with whatever only all of them together can tell."""


class NoFiles:
    """Writes no file, for rows that have none."""

    def write(self, rows: pa.RecordBatch, scores: "Scores", is_anomaly: NDArray[np.bool_]) -> Mapping[str, pa.Array]:  # noqa: ARG002 - the protocol's signature
        """Return no column."""
        return {}

    def finish(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows as they are."""
        yield from batches


class Modality(Protocol[Parts]):
    """One kind of rows, from the source to the report.

    Attributes:
        name: what `Contract.modality` and `ModelParts.kind` say.
        plural: the rows' name in messages, such as "tables".
        formats: values of `data.format` that name this modality.
        scored_columns: columns that its scored tables have besides those of every scored table.
        tells_stories: whether reasons of different rows can be compared, so that alerts form stories.
        report_sections: modules that each add a section to the report, by their function `section`. They are named, not
            imported: the report is a layer above.
    """

    name: str
    plural: str
    formats: frozenset[str]
    scored_columns: tuple[pa.Field, ...]
    tells_stories: bool
    report_sections: tuple[str, ...]

    def recognises(self, paths: Sequence[Location], source: str) -> bool:
        """Say whether the files of a source are of this modality; asked where `data.format` is "auto".

        Raises:
            SourceError: they are of several modalities, and the user has to choose.
        """

    def find(self, data: DataSpec) -> Source[Any]:
        """Find the files that `data.source` names.

        Raises:
            SourceError: nothing is there, or its format is unknown.
        """

    def infer_contract(self, source: Source[Any]) -> Contract:
        """Find out what the rows look like, from the first of them and what the spec says.

        Raises:
            SpecError: the spec does not fit the source.
            ContractError: there is nothing to learn from.
        """

    def read(self, source: Source[Any], contract: Contract) -> Iterator[tuple[str, Applied]]:
        """Yield every batch of rows, held against the contract, with the name of the part that it is from.

        Raises:
            SourceError: a part cannot be read.
            ContractError: a part lacks a column.
        """

    def row_groups(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Cut and join accepted rows into the row groups of a dataset."""

    def facts(self, parts: Sequence[Location]) -> dict[str, Any]:
        """Return what the manifest of a dataset says besides the counts, from its Parquet parts."""

    def starter_spec(self, source: Source[Any], name: str) -> str:
        """Return the commented YAML that `init` writes.

        Args:
            source: what was found.
            name: of the source, as the spec is to give it.
        """

    def choose_network(self, rows: RowStore) -> NetworkSection:
        """Choose the network where the spec leaves it open."""

    def fit(self, rows: RowStore, rule: SplitRule, spec: Spec, conduct: "Conduct") -> "Fitted":
        """Fit a model on train rows and score the validation rows.

        Raises:
            AnomalyAEError: the rows cannot be split or trained on.
        """

    def parts_type(self) -> type[Parts]:
        """Return the section of `model.json` that describes this modality's models."""

    def rebuild(
        self, parts: Parts, tensors: "Mapping[str, Tensor]", spec: Spec, history: "tuple[Check, ...]"
    ) -> "Model":
        """Rebuild a model from what a model version holds, on the CPU."""

    def open_files(self, parts: Parts, spec: Spec, directory: Location, part: str) -> RowFiles:
        """Return what writes the files beside one part of a scored table.

        Args:
            parts: of the model that scores.
            spec: that it was trained with.
            directory: of the scored table.
            part: name of the part, without suffix.
        """

    def baselines(self, parts: Parts, spec: Spec, contract: Contract) -> Baselines | None:
        """Return the simple methods that a model is compared with; None where there are none."""

    def locate(self, scored: Location, beside: ReadBeside) -> "PixelMetrics | None":
        """Judge where in a row the model sees the anomaly; None where rows have no places.

        Args:
            scored: directory of the scored table.
            beside: reads its labelled rows that may be judged, beside the dataset's.

        Raises:
            ArtifactError: a file beside the rows is missing or damaged.
        """

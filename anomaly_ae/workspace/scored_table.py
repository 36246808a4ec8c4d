"""The scored table: one row per input row, and beside the rows what was judged of them.

part-00000.parquet, ...   the rows, one part per part of the dataset
rejected.parquet          rows that were not scored, with the reason
stories.json              what the alerts have in common; the column `story` says which alert belongs to which
spec.yaml                 the spec of the model, with the threshold that was used
manifest.json             model, threshold and counts
validity.json             whether the threshold can still be trusted on these rows   } written by the stage judge,
metrics.json              precision, recall and the rest, where labels exist         } replaced when it runs again
top_rows.json             the rows an analyst looks at first                         }
report.html               the page that shows all of it
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import pyarrow as pa
import pyarrow.dataset as ds
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from anomaly_ae.errors import ArtifactError
from anomaly_ae.ingest.rows import rebatch
from anomaly_ae.ingest.writer import REJECTED
from anomaly_ae.storage import is_published, read_json, write_json
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import count_rows, open_dataset, open_parquet
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.layout import Layout
from anomaly_ae.workspace.manifest import Manifest
from anomaly_ae.workspace.top_rows import TopRows

if TYPE_CHECKING:
    from anomaly_ae.evaluation.metrics import Metrics
    from anomaly_ae.monitoring.validity import Validity
    from anomaly_ae.stories.grouping import Story

VALIDITY, METRICS, STORIES, TOP_ROWS = "validity.json", "metrics.json", "stories.json", "top_rows.json"
REPORT, SPEC = "report.html", "spec.yaml"
BATCH_ROWS = 65_536

_Document = TypeVar("_Document")


class ScoredManifest(Manifest):
    """What the stage that scored recorded.

    Attributes:
        run_id: of the run that scored.
        scored_at: when.
        threshold_by: column whose values have a threshold each, or None.
        dataset: fingerprint of the dataset that was scored.
        source: of that dataset, as the spec named it.
        alerts: rows above the threshold.
    """

    KIND: ClassVar[str] = "scored"
    FORMAT_VERSION: ClassVar[int] = 3
    REMEDY: ClassVar[str] = "score the source again"

    schema_version: int
    run_id: str
    scored_at: str
    model_name: str
    model_version: str
    calibration_id: str
    rule: str
    promise: str
    threshold: float = Field(allow_inf_nan=False)
    warn_threshold: float | None = None
    target_fpr: float | None = Field(gt=0, lt=1)
    threshold_by: str | None = None
    dataset: str
    source: str
    rows_in: int = Field(ge=0)
    rows_scored: int = Field(ge=0)
    rows_rejected: int = Field(ge=0)
    rejected_by_reason: dict[str, int]
    alerts: int = Field(ge=0)


@dataclass(frozen=True)
class ScoredTable:
    """A published scored table.

    Attributes:
        directory: where it is.
        manifest: model, threshold and counts.
    """

    directory: Location
    manifest: ScoredManifest

    @classmethod
    def open(cls, directory: Location) -> Self:
        """Open a scored table.

        Raises:
            ArtifactError: the directory is no scored table, is of another format, or its counts do not add up.
        """
        manifest = ScoredManifest.read(directory)
        total = manifest.rows_scored + manifest.rows_rejected
        if manifest.rows_in != total or manifest.rows_rejected != sum(manifest.rejected_by_reason.values()):
            msg = (
                f"{directory}: rows_in={manifest.rows_in} is not rows_scored={manifest.rows_scored} + rejected rows by "
                f"reason={manifest.rejected_by_reason}; score the source again"
            )
            raise ArtifactError(msg)
        return cls(directory, manifest)

    @classmethod
    def find(cls, directory: Location) -> Self | None:
        """Open a scored table; None where there is none."""
        return cls.open(directory) if is_published(directory) else None

    @property
    def name_in_workspace(self) -> str:
        """Its path relative to the workspace, as the ledger records it."""
        return f"{self.directory.parent.name}/{self.directory.name}"

    @cached_property
    def parts(self) -> tuple[Location, ...]:
        """The Parquet files that hold the rows, in order."""
        return tuple(self.directory / name for name in sorted(self.manifest.files) if name.startswith("part-"))

    @property
    def rejected(self) -> Location:
        """The Parquet file of the rows that were not scored."""
        return self.directory / REJECTED

    @property
    def report(self) -> Location:
        """The HTML page, whether it was written or not."""
        return self.directory / REPORT

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema of the parts."""
        return self.open_rows().schema

    @cached_property
    def dataset(self) -> Dataset | None:
        """The dataset that was scored; None where it was removed."""
        return Dataset.find(Layout.holding(self.directory).dataset_directory(self.manifest.dataset))

    def open_rows(self) -> ds.Dataset:
        """Open the parts as one table, to be filtered while it is read."""
        return open_dataset(self.parts)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order."""
        for part in self.parts:
            yield from _batches(part, columns)

    def batches_beside(
        self, columns: Sequence[str], dataset: Dataset, features: Sequence[str], batch_rows: int = BATCH_ROWS
    ) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
        """Yield the rows in order, each batch with the same rows of the dataset.

        Args:
            columns: columns of the scored table.
            dataset: that was scored.
            features: columns of the dataset.
            batch_rows: rows per batch.

        Raises:
            ArtifactError: a part of one has no equal in the other.
        """
        for source in dataset.parts:
            part = self.directory / source.name
            held = [count_rows(path) if path.is_file() else 0 for path in (part, source)]
            if held[0] != held[1]:
                msg = f"{part} has {held[0]} rows, but {source} has {held[1]}; score the dataset again"
                raise ArtifactError(msg)
            scored = _batches(part, columns, batch_rows)
            yield from zip(scored, dataset.batches(features, source, batch_rows), strict=True)

    def dataset_parts(self) -> tuple[Location, ...] | None:
        """Return the dataset part that each part was made from; None where they were removed."""
        sources = {} if self.dataset is None else {path.name: path for path in self.dataset.parts if path.is_file()}
        found = tuple(sources[part.name] for part in self.parts if part.name in sources)
        return found if len(found) == len(self.parts) else None

    @property
    def stories(self) -> "tuple[Story, ...]":
        """What the alerts have in common, most rows first.

        Raises:
            ArtifactError: the file is missing or has changed since it was published.
        """
        self.manifest.verify(self.directory, (STORIES,))
        return self._read(STORIES, _stories().validate_python) or ()

    @property
    def validity(self) -> "Validity | None":
        """Whether the threshold can still be trusted on these rows; None where it was not judged."""
        from anomaly_ae.monitoring.validity import Validity

        return self._read(VALIDITY, Validity.model_validate)

    @property
    def metrics(self) -> "Metrics | None":
        """Precision, recall and the rest; None where no row has a label, or nothing was judged."""
        from anomaly_ae.evaluation.metrics import Metrics

        return self._read(METRICS, Metrics.model_validate)

    @property
    def top_rows(self) -> TopRows | None:
        """The rows an analyst looks at first; None where nothing was judged."""
        return self._read(TOP_ROWS, TopRows.model_validate)

    def write_validity(self, validity: "Validity") -> None:
        """Store whether the threshold can be trusted."""
        self._write(VALIDITY, validity)

    def write_metrics(self, metrics: "Metrics") -> None:
        """Store the metrics."""
        self._write(METRICS, metrics)

    def write_top_rows(self, rows: TopRows) -> None:
        """Store the rows an analyst looks at first."""
        self._write(TOP_ROWS, rows)

    def _write(self, name: str, document: BaseModel) -> None:
        write_json(self.directory / name, document.model_dump(mode="json"))

    def _read(self, name: str, parse: Callable[[Any], _Document]) -> _Document | None:
        path = self.directory / name
        if not path.exists():
            return None
        try:
            return parse(read_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            msg = f"{path}: {key}: {first['msg']}; judge the table again with this version of anomaly_ae"
            raise ArtifactError(msg) from error


def dump_stories(stories: "Sequence[Story]") -> list[dict[str, Any]]:
    """Return stories as JSON values, as `stories.json` holds them."""
    dumped: list[dict[str, Any]] = _stories().dump_python(tuple(stories), mode="json")
    return dumped


def _stories() -> "TypeAdapter[tuple[Story, ...]]":
    from anomaly_ae.stories.grouping import Story

    return TypeAdapter(tuple[Story, ...])


def _batches(part: Location, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    with open_parquet(part) as parquet:
        yield from rebatch(parquet.iter_batches(batch_rows, columns=list(columns)), batch_rows)

"""A new modality is one package and one registration line: series, defined here, go from source to scored table."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anomaly_ae import modalities
from anomaly_ae.ingest.apply import Applied
from anomaly_ae.ingest.contract import ColumnContract, Contract
from anomaly_ae.ingest.file_source import FileSource
from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.ingest.rows import RowStore, rebatch
from anomaly_ae.ingest.source import Source
from anomaly_ae.ingest.source_file import SourceFile
from anomaly_ae.modalities.modality import NoFiles, ReadBeside
from anomaly_ae.modalities.model import Fitted, ModelParts
from anomaly_ae.networks.memory import MemoryNetwork
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.scoring.schema import REASON, described
from anomaly_ae.scoring.scores import Scores
from anomaly_ae.spec import DataSpec, NetworkSection, Role, Spec
from anomaly_ae.split import SplitRule, gather
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.init import init
from anomaly_ae.stages.judge import judge
from anomaly_ae.stages.report import report
from anomaly_ae.stages.score import score
from anomaly_ae.stages.train import train
from anomaly_ae.storage import read_json
from anomaly_ae.threshold import validation_rows
from anomaly_ae.training import Check, Conduct
from anomaly_ae.workspace.workspace import Workspace

SERIES = ("series", "sha256", "origin")


class SeriesParts(ModelParts):
    """What `model.json` says of a model of series."""

    kind: Literal["series"] = "series"
    weight: float

    @property
    def scored_facts(self) -> dict[str, Any]:
        """A fact for the manifest of the scored table."""
        return {"series_weight": self.weight}


class MeanNetwork(nn.Module):
    """Expects of every series the mean of the train series."""

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)


@dataclass(frozen=True)
class SeriesModel:
    """Scores a series by its squared distance from the mean series."""

    network: MeanNetwork
    parts: SeriesParts
    history: tuple[Check, ...] = ()
    batch_rows: int = 16

    def score(self, rows: pa.RecordBatch) -> Scores:
        """Score series."""
        values = np.array([json.loads(text) for text in rows.column("series").to_pylist()])
        error = (values - self.network.mean.cpu().numpy()) ** 2 * self.parts.weight
        return Scores(error.mean(axis=1), error, np.zeros(values.shape, np.float32))

    def reasons(self, rows: pa.RecordBatch, scores: Scores) -> pa.ListArray:  # noqa: ARG002 - the protocol's signature
        """Name the first step of every series."""
        reason = {"feature": "step 0", "value": "", "expected": ""}
        return pa.array(
            [[reason | {"contribution": adds}] for adds in scores.contributions[:, 0]],
            pa.list_(pa.field("element", REASON)),
        )


@dataclass
class StepFiles(NoFiles):
    """Fills the column of the hottest step; writes a note beside the rows."""

    directory: Path
    rows: int = field(default=0)

    def write(self, rows: pa.RecordBatch, scores: Scores, is_anomaly: NDArray[np.bool_]) -> Mapping[str, pa.Array]:  # noqa: ARG002 - the protocol's signature
        """Return the hottest step of each series."""
        self.rows += rows.num_rows
        (self.directory / "series.txt").write_text(str(self.rows), encoding="utf-8")
        return {"hottest_step": pa.array(scores.contributions.argmax(axis=1))}


class Series:
    """Series of numbers, one JSON list a line, in files called `*.series`."""

    name = "series"
    plural = "series"
    formats: frozenset[str] = frozenset()
    scored_columns = (described("hottest_step", pa.int64(), "step that adds most to the score"),)
    tells_stories = False
    report_sections = (__name__,)

    def recognises(self, paths: Sequence[Path], source: str) -> bool:  # noqa: ARG002 - the protocol's signature
        """Tell series by their suffix."""
        return bool(paths) and all(path.suffix == ".series" for path in paths)

    def find(self, data: DataSpec) -> FileSource[SourceFile]:
        """Find files of series."""
        files = sorted(Path(data.source).glob("*.series"))
        return FileSource(data, self.name, tuple(SourceFile(path, path.name, "series") for path in files))

    def infer_contract(self, source: Source[SourceFile]) -> Contract:  # noqa: ARG002 - the protocol's signature
        """Return the columns that series always have."""
        columns = tuple(ColumnContract(name=name, role=Role.INFO, dtype="string") for name in SERIES)
        return Contract(modality=self.name, columns=columns)

    def read(self, source: Source[SourceFile], contract: Contract) -> Iterator[tuple[str, Applied]]:
        """Read one series a line."""
        for file in source.parts:
            lines = file.path.read_text(encoding="utf-8").splitlines()
            hashes = [hashlib.sha256(line.encode()).hexdigest() for line in lines]
            ids = [f"{file.name}:{number}" for number in range(1, len(lines) + 1)]
            numbers = np.arange(1, len(lines) + 1)
            count = len(lines)
            columns = [ids, [file.name] * count, numbers, [None] * count, lines, hashes, ["train"] * count]
            arrays = [pa.array(column, kind.type) for column, kind in zip(columns, contract.schema, strict=True)]
            rows = pa.RecordBatch.from_arrays(arrays, schema=contract.schema)
            yield file.name, Applied(RawBatch(rows, numbers), rows, [], {}, {})

    def row_groups(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Make groups of fifty series."""
        return rebatch(batches, 50)

    def facts(self, parts: Sequence[Path]) -> dict[str, Any]:
        """Count steps."""
        first = pq.read_table(parts[0]).column("series")[0].as_py()
        return {"series": {"steps": len(json.loads(first))}}

    def starter_spec(self, source: Source[SourceFile], name: str) -> str:
        """Ask nothing."""
        return f"data: {{source: {name}}} # {len(source.parts)} files of series\n"

    def choose_network(self, rows: RowStore) -> NetworkSection:  # noqa: ARG002 - the protocol's signature
        """Choose any network: series are not reconstructed by one here."""
        return MemoryNetwork()

    def fit(self, rows: RowStore, rule: SplitRule, spec: Spec, conduct: Conduct) -> Fitted:  # noqa: ARG002 - the protocol's signature
        """Take the mean of the train series."""
        split = gather(rows, rule, spec.training.max_rows)
        stored = pa.Table.from_batches(rows.batches())
        train, validation = (
            stored.filter(pc.is_in(stored.column("_row_id"), part.column("_row_id"))).combine_chunks().to_batches()[0]
            for part in (split.train, split.validation)
        )
        values = np.array([json.loads(text) for text in train.column("series").to_pylist()])
        model = SeriesModel(MeanNetwork(torch.from_numpy(values.mean(axis=0))), SeriesParts(weight=2.0))
        scores = model.score(validation).anomaly_score
        return Fitted(model, validation_rows(split.validation, scores, rows.contract), split.facts)

    def parts_type(self) -> type[SeriesParts]:
        """Return the section of `model.json`."""
        return SeriesParts

    def rebuild(
        self,
        parts: SeriesParts,
        tensors: Mapping[str, Tensor],
        spec: Spec,  # noqa: ARG002 - the protocol's signature
        history: tuple[Check, ...],
    ) -> SeriesModel:
        """Rebuild a model."""
        return SeriesModel(MeanNetwork(tensors["mean"]), parts, history)

    def open_files(self, parts: SeriesParts, spec: Spec, directory: Path, part: str) -> StepFiles:  # noqa: ARG002 - the protocol's signature
        """Write a note beside the rows."""
        return StepFiles(directory)

    def baselines(self, parts: SeriesParts, spec: Spec, contract: Contract) -> None:
        """Compare with nothing."""

    def locate(self, scored: Path, beside: ReadBeside) -> None:
        """Judge no places."""


def section(source: ReportSource) -> PageSection:
    """Show the weight of the model in the report."""
    return PageSection("lineage", f"Series of weight {source.about.model.scored_facts['series_weight']:g}", source)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of series, the last of which is an anomaly; and the one line that registers them."""
    monkeypatch.setattr(modalities, "MODALITIES", (Series(), *modalities.MODALITIES))
    values = np.random.default_rng(0).normal(0, 1, (400, 6)).round(3)
    values[-1, 4] = 50
    folder = tmp_path / "in"
    folder.mkdir()
    for number in (0, 1):
        lines = "".join(f"{json.dumps(one)}\n" for one in values[200 * number :][:200].tolist())
        (folder / f"{number}.series").write_text(lines, encoding="utf-8")
    return folder


def test_series_go_from_source_to_scored_table(source: Path, tmp_path: Path) -> None:
    """Found, read, split, fitted, saved, loaded and scored, with a column, a file and a fact of their own."""
    workspace = Workspace.open(tmp_path / "runs")
    spec = Spec.model_validate({"data": {"source": str(source)}, "threshold": {"target_fpr": 0.05}})

    dataset = ingest(spec.data, workspace).dataset
    model = train(dataset, spec, workspace).model
    table = score(dataset, model, workspace).table

    facts, manifest = (read_json(one.directory / "manifest.json") for one in (dataset, table))
    rows = pa.concat_tables(pq.read_table(part) for part in table.parts)
    assert facts["series"] == {"steps": 6}
    assert model.description.model == SeriesParts(weight=2.0)
    assert rows.num_rows == 400
    assert rows.column("hottest_step")[399].as_py() == 4
    assert rows.column("is_anomaly")[399].as_py()
    assert (table.directory / "series.txt").read_text(encoding="utf-8") == "50"
    assert manifest["series_weight"] == 2.0
    assert judge(table).metrics is None
    assert "Series of weight 2" in report(table).read_text(encoding="utf-8")


def test_init_asks_what_the_modality_asks(source: Path, tmp_path: Path) -> None:
    """The starter spec is the modality's own."""
    assert "2 files of series" in init(str(source), tmp_path / "spec.yaml")

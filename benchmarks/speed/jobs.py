"""The jobs to measure, one function each; `measure.py` runs each in a separate process.

A job takes paths and numbers as text, prepares everything before the clock starts, and returns the work to time, which
returns facts to record.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

Work = Callable[[], dict[str, Any]]
SEED = 0
"""Seed of the train rows and of everything fitted on them."""


def ingest(source: str, workspace: str) -> Work:
    """Ingest as the command line does, into a new workspace, because existing results would be reused."""
    from anomaly_ae.spec import DataSpec
    from anomaly_ae.stages.ingest import ingest as stage
    from anomaly_ae.workspace.workspace import Workspace

    Path(workspace).mkdir(parents=True, exist_ok=True)
    new = Workspace.open(tempfile.mkdtemp(dir=workspace))
    return lambda: {"directory": str(stage(DataSpec(source=source), new).directory)}


def ingest_pyarrow(source: str, _workspace: str) -> Work:
    """Read the source and write it as Parquet, the minimum of any ingest."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    target = Path(tempfile.mkdtemp()) / "copy.parquet"
    read = pc.read_csv if source.endswith(".csv") else pq.read_table

    def work() -> dict[str, Any]:
        pq.write_table(read(source), target, compression="zstd")
        return {}

    return work


def ingest_duckdb(source: str, _workspace: str) -> Work:
    """Read the source and write it as Parquet with DuckDB."""
    import duckdb

    target = Path(tempfile.mkdtemp()) / "copy.parquet"
    read = duckdb.read_csv if source.endswith(".csv") else duckdb.read_parquet

    def work() -> dict[str, Any]:
        read(source).write_parquet(str(target), compression="zstd")
        return {}

    return work


def train(dataset: str, workspace: str, *overrides: str) -> Work:
    """Train and calibrate, with overrides as on the command line."""
    from anomaly_ae.spec.file import parse_spec
    from anomaly_ae.stages.calibrate import calibrate
    from anomaly_ae.stages.train import train as stage
    from anomaly_ae.workspace.dataset import Dataset
    from anomaly_ae.workspace.workspace import Workspace

    spec: dict[str, Any] = {"data": {"source": "benchmark"}, "workspace": workspace}
    for override in overrides:
        name, _, value = override.partition("=")
        section, _, key = name.partition(".")
        spec.setdefault(section, {})[key] = _value(value)

    def work() -> dict[str, Any]:
        parsed = parse_spec(spec)
        made = stage(Dataset.open(Path(dataset)), parsed, Workspace.open(workspace))
        calibrate(made.model, parsed.threshold)
        return {"directory": str(made.directory)}

    return work


def score(dataset: str, model: str) -> Work:
    """Score Parquet to Parquet, including reasons, as the command line does."""
    from anomaly_ae.stages.score import score as stage
    from anomaly_ae.workspace.dataset import Dataset
    from anomaly_ae.workspace.model_version import ModelVersion
    from anomaly_ae.workspace.workspace import Workspace

    workspace = Workspace.open(tempfile.mkdtemp(dir=Path(dataset).parent))

    def work() -> dict[str, Any]:
        made = stage(Dataset.open(Path(dataset)), ModelVersion.open(Path(model)), workspace)
        return {"directory": str(made.directory)}

    return work


def fit_peer(name: str, npz: str) -> Work:
    """Fit a detector of PyOD at its defaults on half of a set's normal rows, and evaluate it on the other rows."""
    from one_fit import fit_and_score
    from peers import find_method

    _load_torch()
    return lambda: fit_and_score(find_method(name), SEED, [npz])


def fit_network(network: str, steps: str, npz: str) -> Work:
    """Fit and evaluate one of our networks in the same way; `network` is the section of a spec as JSON."""
    from one_fit import fit_and_score
    from peers import our_network

    _load_torch()
    return lambda: fit_and_score(our_network(json.loads(network), int(steps)), SEED, [npz])


def floor(dataset: str, model: str, scored: str) -> Work:
    """The lower bound of scoring: read the columns, compute the network's matrix products, write the output columns.

    The three run one after the other, each on all cores; nothing is encoded, searched, ranked or explained.
    """
    import pyarrow.parquet as pq
    from floor import bare, by_onednn, products, read_only, write_only

    from anomaly_ae.workspace.dataset import Dataset
    from anomaly_ae.workspace.model_version import ModelVersion

    rows, network = Dataset.open(Path(dataset)), ModelVersion.open(Path(model)).load().model.network
    parts = sorted(Path(scored).glob("part-*.parquet"))
    sample = pq.ParquetFile(parts[0]).read_row_group(0)

    def work() -> dict[str, Any]:
        return {
            "read_s": read_only(rows),
            "products_s": products(network, rows.rows, bare),
            "onednn_products_s": products(network, rows.rows, by_onednn),
            "write_s": write_only(sample, rows.rows),
        }

    return work


def backbone(dataset: str, model: str) -> Work:
    """Run the model's backbone on decoded pictures, in batches as large as in scoring."""
    from picture_floor import forward, own

    return forward(own(Path(model)), Path(dataset), 2)


def stock_backbone(dataset: str, _model: str) -> Work:
    """Run the original modules of the backbone's package, eight pictures at once."""
    from picture_floor import forward, stock

    return forward(stock(), Path(dataset), 8)


def stages(dataset: str, model: str, scored: str) -> Work:
    """Time each stage of scoring alone."""
    from stages import time_stages

    return lambda: dict(time_stages(Path(dataset), Path(model), Path(scored)))


def partition(source: str, model: str) -> Work:
    """Time each stage of processing one file."""
    from partition import time_partition

    return lambda: dict(time_partition(Path(source), Path(model)))


def peer(name: str, train_rows: str, dataset: str, rows: str) -> Work:
    """Score rows in memory, as float arrays, with a detector of PyOD."""
    from peers import find_method

    from anomaly_ae.workspace.dataset import Dataset

    held = Dataset.open(Path(dataset))
    names = [column.name for column in held.contract.features]
    X = np.concatenate([_array(batch, names) for batch in _first(held, int(rows))])
    score_rows = find_method(name).fit(X[: int(train_rows)], 0)
    score_rows(X[:100])  # warm-up: loading on the first call is not counted

    def work() -> dict[str, Any]:
        score_rows(X)
        return {"rows": len(X)}

    return work


def command(*arguments: str) -> Work:
    """Run Python with arguments, timing the whole process."""
    line = [sys.executable, *arguments]
    return lambda: {"rc": subprocess.run(line, check=True, capture_output=True).returncode}  # noqa: S603 - our own


def score_command(source: str, model: str, workspace: str) -> Work:
    """Score a file on the command line, timing the whole process."""
    spec = Path(tempfile.mkdtemp()) / "anomaly_ae.yaml"
    spec.write_text(f"data: {{source: '{source}'}}\nworkspace: '{workspace}'\n", encoding="utf-8")
    return command("-m", "anomaly_ae", "score", source, "--spec", str(spec), "--model", model)


def _first(held: Any, rows: int) -> Any:
    for batch in held.batches():
        yield batch.slice(0, rows)
        rows -= batch.num_rows
        if rows <= 0:
            return


def _array(batch: Any, names: list[str]) -> np.ndarray:
    return np.column_stack([batch.column(name).to_numpy(zero_copy_only=False) for name in names])


def _load_torch() -> None:
    """Make torch load what it defers to a process's first optimizer, which takes about a CPU second."""
    import torch

    torch.optim.Adam([torch.zeros(1)])


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text

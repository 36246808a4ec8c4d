"""What is measured, one function a job: each is run by `measure.py` in a process of its own.

A job gets paths and numbers as text, does what must be there before the clock starts, and returns the work to time
and the facts to note beside it.
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
"""Of the rows that train and of whatever is fitted on them."""


def ingest(source: str, workspace: str) -> Work:
    """Ingest as the command line does, into a workspace of its own: what is there already would be found again."""
    from anomaly_ae.spec import DataSpec
    from anomaly_ae.stages.ingest import ingest as step

    Path(workspace).mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=workspace))
    return lambda: {"directory": str(step(DataSpec(source=source), place).directory)}


def ingest_pyarrow(source: str, _workspace: str) -> Work:
    """Read the source and write it as Parquet: what any ingest has to do at least."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    target = Path(tempfile.mkdtemp()) / "copy.parquet"
    read = pc.read_csv if source.endswith(".csv") else pq.read_table

    def work() -> dict[str, Any]:
        pq.write_table(read(source), target, compression="zstd")
        return {}

    return work


def ingest_duckdb(source: str, _workspace: str) -> Work:
    """The same by DuckDB."""
    import duckdb

    target = Path(tempfile.mkdtemp()) / "copy.parquet"
    read = duckdb.read_csv if source.endswith(".csv") else duckdb.read_parquet

    def work() -> dict[str, Any]:
        read(source).write_parquet(str(target), compression="zstd")
        return {}

    return work


def train(dataset: str, workspace: str, *overrides: str) -> Work:
    """Train and calibrate, with overrides as the command line takes them."""
    from anomaly_ae.spec.file import parse_spec
    from anomaly_ae.stages.train import train as step

    spec: dict[str, Any] = {"data": {"source": "benchmark"}, "workspace": workspace}
    for override in overrides:
        name, _, value = override.partition("=")
        section, _, key = name.partition(".")
        spec.setdefault(section, {})[key] = _value(value)

    return lambda: {"directory": str(step(Path(dataset), parse_spec(spec), Path(workspace)).directory)}


def score(dataset: str, model: str) -> Work:
    """Score Parquet to Parquet, reasons and all, as the command line does."""
    from anomaly_ae.stages.score import score as step

    workspace = tempfile.mkdtemp(dir=Path(dataset).parent)
    return lambda: {"directory": str(step(Path(dataset), Path(model), Path(workspace)).directory)}


def fit_peer(name: str, npz: str) -> Work:
    """Fit a detector of PyOD at its defaults on half of a set's normal rows, and judge it on the other rows."""
    from one_fit import fit_and_score
    from peers import find_method

    _load_torch()
    return lambda: fit_and_score(find_method(name), SEED, [npz])


def fit_network(network: str, steps: str, npz: str) -> Work:
    """The same by a network of ours; `network` is a spec's section as JSON."""
    from one_fit import fit_and_score
    from peers import our_network

    _load_torch()
    return lambda: fit_and_score(our_network(json.loads(network), int(steps)), SEED, [npz])


def floor(dataset: str, model: str, scored: str) -> Work:
    """The least that scoring must do: read the columns, the network's matrix products, write the output columns.

    The three are done one after the other, each on all cores; nothing is encoded, searched, ranked or explained.
    """
    import pyarrow.parquet as pq
    from floor import bare, by_onednn, products, read_only, write_only

    from anomaly_ae.workspace.dataset import Dataset
    from anomaly_ae.workspace.model_version import load_model

    rows, network = Dataset.open(Path(dataset)), load_model(Path(model)).model.network
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
    """Describe pictures that are decoded already, by the model's backbone and as many at once as scoring does."""
    from picture_floor import forward, own

    return forward(own(Path(model)), Path(dataset), 2)


def stock_backbone(dataset: str, _model: str) -> Work:
    """The same by the modules of the backbone's package, eight pictures at once."""
    from picture_floor import forward, stock

    return forward(stock(), Path(dataset), 8)


def stages(dataset: str, model: str, scored: str) -> Work:
    """Time each stage of scoring alone."""
    from stages import time_stages

    return lambda: dict(time_stages(Path(dataset), Path(model), Path(scored)))


def partition(source: str, model: str) -> Work:
    """Time each step on the way of one file."""
    from partition import time_steps

    return lambda: dict(time_steps(Path(source), Path(model)))


def peer(name: str, train_rows: str, dataset: str, rows: str) -> Work:
    """Score rows that are in memory already, as float arrays, by a detector of PyOD."""
    from peers import find_method

    from anomaly_ae.workspace.dataset import Dataset

    held = Dataset.open(Path(dataset))
    names = [column.name for column in held.contract.features]
    X = np.concatenate([_array(batch, names) for batch in _first(held, int(rows))])
    score_rows = find_method(name).fit(X[: int(train_rows)], 0)
    score_rows(X[:100])  # what a library loads with the first rows is not counted

    def work() -> dict[str, Any]:
        score_rows(X)
        return {"rows": len(X)}

    return work


def command(*arguments: str) -> Work:
    """Run Python with arguments, as a whole process: what a shell waits for."""
    line = [sys.executable, *arguments]
    return lambda: {"rc": subprocess.run(line, check=True, capture_output=True).returncode}  # noqa: S603 - our own


def score_command(source: str, model: str, workspace: str) -> Work:
    """Score a file by the command line, as a whole process."""
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
    """Load what torch itself loads only with a process's first optimizer, about a CPU second of it."""
    import torch

    torch.optim.Adam([torch.zeros(1)])


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text

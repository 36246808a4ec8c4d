"""Where scoring spends its time: each of its stages alone, batch by batch on one thread."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from floor import bare, by_onednn, products, write_only
from markdown_table import Cells, markdown
from prepare import Shape, prepare_dataset, prepare_model, prepare_sample
from run import Runner
from scoring import NAMES

from anomaly_ae.scoring.scores import score
from anomaly_ae.threshold import Detector
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import ModelVersion

BATCHES = 3
STAGES = ("read", "encode", "network", "judge", "reasons", "write")
PRODUCTS = ("products", "onednn_products")


def time_stages(dataset: Path, model: Path, scored: Path) -> dict[str, float]:
    """Return the CPU microseconds per row of every stage, minimum over batches, and the bytes per row of the files."""
    rows, version = Dataset.open(dataset), ModelVersion.open(model).load()
    columns, size = [column.name for column in rows.contract.features], version.model.batch_rows
    detector, sample = Detector.of(version.calibration, version.validation), _sample(scored, size)
    network, batches = version.model.network, rows.batches(batch_rows=size)
    found = [
        {
            "read": _cpu_s(lambda: next(rows.batches(columns, batch_rows=size))),
            **_of_batch(batch, version.model, detector),
            "write": _cpu_s(lambda: write_only(sample, size)),
            "products": _cpu_s(lambda: products(network, size, bare)),
            "onednn_products": _cpu_s(lambda: products(network, size, by_onednn)),
        }
        for batch in itertools.islice(batches, BATCHES)
    ]
    minimum = {stage: min(times[stage] for times in found) / size * 1e6 for stage in (*STAGES, *PRODUCTS)}
    return minimum | {"dataset_bytes": _bytes_a_row(dataset), "scored_bytes": _bytes_a_row(scored)}


def stages(runner: Runner, directory: Path, options: Any) -> str:
    """Compare the stages of scoring with the bare products of each network."""
    shape, lines = Shape(options.sizes.rows), []
    once = Runner(1, 1)
    for network, name in NAMES.items():
        dataset, model = prepare_dataset(runner, directory, shape), prepare_model(runner, directory, shape, network)
        sample = prepare_sample(runner, directory, shape, network)
        found = once.run(f"stages {name}", "stages", dataset, model, sample)
        lines.append(_line(name, found))
    runner.measured |= once.measured
    head = ("network", *STAGES, "sum", "products alone", "by oneDNN", "dataset bytes", "scored bytes")
    return f"## CPU microseconds per row of scoring on one thread, and bytes per row\n\n{markdown(head, lines)}"


def _line(name: str, found: dict[str, float]) -> Cells:
    times = [found[stage] for stage in STAGES]
    return (name, *times, sum(times), *(found[name] for name in (*PRODUCTS, "dataset_bytes", "scored_bytes")))


def _of_batch(batch: pa.RecordBatch, model: Any, detector: Detector) -> dict[str, float]:
    encoded, scores = model.encoder.transform(batch), model.score(batch)
    return {
        "encode": _cpu_s(lambda: model.encoder.transform(batch)),
        "network": _cpu_s(lambda: score(model.network, encoded, model.scale)),
        "judge": _cpu_s(lambda: detector.decide(scores.anomaly_score, batch)),
        "reasons": _cpu_s(lambda: model.reasons(batch, scores)),
    }


def _sample(scored: Path, size: int) -> pa.Table:
    return pq.ParquetFile(min(scored.glob("part-*.parquet"))).read().slice(0, size)


def _bytes_a_row(directory: Path) -> float:
    parts = sorted(directory.glob("part-*.parquet"))
    return sum(part.stat().st_size for part in parts) / sum(pq.read_metadata(part).num_rows for part in parts)


def _cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start

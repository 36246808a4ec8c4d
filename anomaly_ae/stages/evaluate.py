"""Evaluate: a scored table in, `metrics.json` beside it, when labels exist."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.evaluation.metrics import Metrics, count_alarms
from anomaly_ae.evaluation.metrics import evaluate as judge
from anomaly_ae.split import TEST
from anomaly_ae.stages.compare import compare
from anomaly_ae.stages.locate import locate
from anomaly_ae.stages.tracking import track_metrics
from anomaly_ae.storage import read_manifest, write_json
from anomaly_ae.storage.parquet import open_dataset
from anomaly_ae.workspace.registry import model_that_scored

METRICS = "metrics.json"


def evaluate(scored: Path) -> Metrics | None:
    """Judge the scored rows whose label is known against the frozen threshold, and write `metrics.json`.

    Where rows belong to a split, only the test rows are judged; where none does (new data), all labelled ones are.
    Simple methods are judged on the same rows, as long as the workspace still has the datasets; of pictures, their
    maps are judged against the masks.

    Args:
        scored: directory that scoring published.

    Returns:
        The metrics, or None (and no file) when no row that may be judged has a label.
    """
    manifest = read_manifest(scored, "scored")
    rows = _labelled(scored)
    split = rows.column("split")
    is_new = split.null_count == len(split)
    judged = rows if is_new else rows.filter(pc.fill_null(pc.equal(split, TEST), False))
    if judged.num_rows == 0:
        return None
    baselines = compare(scored, judged_rows=judged.num_rows, is_new=is_new)
    found = _judge(judged, manifest["threshold"], "all" if is_new else TEST)
    metrics = found.model_copy(update={"baselines": baselines, "pixels": locate(scored, is_new=is_new)})
    write_json(scored / METRICS, metrics.model_dump(mode="json"))
    track_metrics(model_that_scored(scored), manifest["dataset"], metrics)
    return metrics


def _judge(rows: pa.Table, threshold: float, split: str) -> Metrics:
    label, flagged = (rows.column(name).to_numpy().astype(np.bool_) for name in ("label", "is_anomaly"))
    metrics = judge(label, rows.column("anomaly_score").to_numpy(), threshold, split, flagged)
    if "segment" not in rows.column_names or rows.column("segment").null_count == rows.num_rows:
        return metrics
    segment = rows.column("segment").to_numpy()
    return metrics.model_copy(update={"segments": count_alarms(segment, label, flagged)})


def _labelled(scored: Path) -> pa.Table:
    """Read what the labelled rows were judged; nothing else of the table is held."""
    parts = open_dataset(sorted(scored.glob("part-*.parquet")))
    columns = ["label", "anomaly_score", "is_anomaly", "split"]
    columns += [name for name in ("segment",) if name in parts.schema.names]
    return parts.to_table(columns=columns, filter=pc.field("label").is_valid())

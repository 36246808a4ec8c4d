"""Evaluate: a scored table in, `metrics.json` beside it, when labels exist."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from anomaly_ae.evaluation import Metrics
from anomaly_ae.evaluation import evaluate as judge
from anomaly_ae.split import TEST
from anomaly_ae.storage import read_manifest, write_json

METRICS = "metrics.json"


def evaluate(scored: Path) -> Metrics | None:
    """Judge the scored rows whose label is known against the frozen threshold, and write `metrics.json`.

    Where rows belong to a split, only the test rows are judged; where none does (new data), all labelled ones are.

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
    label = judged.column("label").to_numpy().astype(np.bool_)
    score = judged.column("anomaly_score").to_numpy()
    metrics = judge(label, score, manifest["threshold"], "all" if is_new else TEST)
    write_json(scored / METRICS, metrics.model_dump())
    return metrics


def _labelled(scored: Path) -> pa.Table:
    """Read label, score and split of the labelled rows; nothing else of the table is held."""
    parts = ds.dataset(sorted(scored.glob("part-*.parquet")), format="parquet")
    return parts.to_table(columns=["label", "anomaly_score", "split"], filter=pc.field("label").is_valid())

"""Evaluate: precision, recall and the rest of a scored table, where labels exist."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.evaluation.metrics import Metrics, count_alarms
from anomaly_ae.evaluation.metrics import evaluate as judge
from anomaly_ae.split import TEST
from anomaly_ae.stages.compare import compare
from anomaly_ae.stages.locate import locate
from anomaly_ae.stages.tracking import track_metrics
from anomaly_ae.workspace.scored_table import ScoredTable


def evaluate(table: ScoredTable) -> Metrics | None:
    """Judge the scored rows whose label is known against the frozen threshold, and store the metrics beside them.

    Where rows belong to a split, only the test rows are judged; where none does (new data), all labelled ones are.
    Simple methods are judged on the same rows, as long as the workspace still has the datasets; of pictures, the maps
    are judged against the masks.

    Returns:
        The metrics; None, with nothing stored, when no row that may be judged has a label.
    """
    rows = _labelled(table)
    split = rows.column("split")
    is_new = split.null_count == len(split)
    judged = rows if is_new else rows.filter(pc.fill_null(pc.equal(split, TEST), False))
    if judged.num_rows == 0:
        return None
    baselines = compare(table, judged_rows=judged.num_rows, is_new=is_new)
    found = _judge(judged, table.manifest.threshold, "all" if is_new else TEST)
    metrics = found.model_copy(update={"baselines": baselines, "pixels": locate(table, is_new=is_new)})
    table.write_metrics(metrics)
    track_metrics(table, metrics)
    return metrics


def _judge(rows: pa.Table, threshold: float, split: str) -> Metrics:
    label, flagged = (rows.column(name).to_numpy().astype(np.bool_) for name in ("label", "is_anomaly"))
    metrics = judge(label, rows.column("anomaly_score").to_numpy(), threshold, split, flagged)
    if rows.column("segment").null_count == rows.num_rows:
        return metrics
    segment = rows.column("segment").to_numpy()
    return metrics.model_copy(update={"segments": count_alarms(segment, label, flagged)})


def _labelled(table: ScoredTable) -> pa.Table:
    """Read what the labelled rows were judged; nothing else of the table is held."""
    columns = ["label", "anomaly_score", "is_anomaly", "split", "segment"]
    rows: pa.Table = table.open_rows().to_table(columns=columns, filter=pc.field("label").is_valid())
    return rows

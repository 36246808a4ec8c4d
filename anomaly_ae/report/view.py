"""The view: everything the page shows, gathered from the files and computed, before any of it is drawn."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from anomaly_ae.errors import ArtifactError
from anomaly_ae.evaluation import Metrics
from anomaly_ae.report.curves import Curves, draw_curves
from anomaly_ae.report.distribution import Distribution, draw_distribution
from anomaly_ae.report.inputs import (
    Calibration,
    Inputs,
    ModelVersion,
    ScoredManifest,
    TrainingCheck,
    read_inputs,
)
from anomaly_ae.report.tally import Tally, scan
from anomaly_ae.report.top_rows import TopRows, read_top_rows
from anomaly_ae.report.verdict import Rate, Verdict, judge, measure_rate

TOP_ROWS = 200
ROWS_BELOW_THRESHOLD = 10
"""Rows shown for orientation when none is above the threshold."""

REJECTED_EXAMPLES = 10
TRAINING_POINTS = 500


@dataclass(frozen=True)
class Tile:
    """One metric: its value, and what bounds or explains it.

    Attributes:
        value: None where the metric is undefined; `note` then says why.
        rate: the count and interval behind a share, where there is one.
    """

    name: str
    value: float | None
    note: str
    rate: Rate | None = None


@dataclass(frozen=True)
class RejectedRow:
    """An example of a row that was not scored."""

    source_file: str | None
    source_row: int | None
    reason: str | None
    detail: str | None


@dataclass(frozen=True)
class Accounting:
    """Rows in = rows scored + rows rejected, by reason."""

    rows_in: int
    rows_scored: int
    rows_rejected: int
    by_reason: tuple[tuple[str, int], ...]
    examples: tuple[RejectedRow, ...]


@dataclass(frozen=True)
class ReportView:
    """What the page shows.

    Attributes:
        tiles: the metrics; empty without labels.
        metrics: what the tiles were taken from, with the confusion counts.
        distribution: None where no row was scored.
        curves: None unless labelled rows of both kinds may be judged.
        training: losses during training; empty for an untrained network.
    """

    manifest: ScoredManifest
    model: ModelVersion
    trained_at: str
    calibration: Calibration
    verdict: Verdict
    tiles: tuple[Tile, ...]
    metrics: Metrics | None
    top: TopRows
    distribution: Distribution | None
    curves: Curves | None
    training: tuple[TrainingCheck, ...]
    accounting: Accounting


def gather(scored: Path, model: Path) -> ReportView:
    """Read a scored directory and its model version into a view; memory does not grow with the rows.

    Raises:
        ArtifactError: a file is missing or malformed, or the files contradict each other.
    """
    inputs = read_inputs(scored, model)
    parts = sorted(scored.glob("part-*.parquet"))
    scanned = scan(parts, TOP_ROWS)
    _check_rows(scanned.tally, inputs.manifest, scored)
    shown = min(inputs.manifest.alerts, TOP_ROWS) or ROWS_BELOW_THRESHOLD
    return ReportView(
        manifest=inputs.manifest,
        model=inputs.model,
        trained_at=inputs.model_manifest.trained_at,
        calibration=inputs.calibration,
        verdict=judge(scanned.tally, inputs.calibration, inputs.metrics, inputs.manifest.rows_rejected),
        tiles=_tiles(inputs.metrics),
        metrics=inputs.metrics,
        top=read_top_rows(parts, scanned.top[:shown]),
        distribution=draw_distribution(scanned.tally, inputs.manifest.threshold),
        curves=draw_curves(scanned.tally),
        training=_thin_history(inputs),
        accounting=_account(inputs.manifest, scored),
    )


def _check_rows(tally: Tally, manifest: ScoredManifest, scored: Path) -> None:
    rows, alerts = tally.total(), tally.total(lambda group: group.is_anomaly)
    if (rows, alerts) != (manifest.rows_scored, manifest.alerts):
        msg = (
            f"{scored} holds {rows} rows with {alerts} alerts, but its manifest says {manifest.rows_scored} with "
            f"{manifest.alerts}: a part is missing or altered; score the source again"
        )
        raise ArtifactError(msg)


def _tiles(metrics: Metrics | None) -> tuple[Tile, ...]:
    if metrics is None:
        return ()
    hits, false_alarms, misses = metrics.confusion.tp, metrics.confusion.fp, metrics.confusion.fn
    why = metrics.undefined

    def tile(key: str, name: str, value: float | None, meaning: str, rate: Rate | None = None) -> Tile:
        return Tile(name, value, meaning if value is not None else why.get(key, "no reason recorded"), rate)

    return (
        tile(
            "precision",
            "Precision",
            metrics.precision,
            "of the alerts are anomalies",
            measure_rate(hits, hits + false_alarms),
        ),
        tile("recall", "Recall", metrics.recall, "of the anomalies raise an alert", measure_rate(hits, hits + misses)),
        tile("f1", "F1", metrics.f1, "harmonic mean of precision and recall"),
        tile("average_precision", "Average precision", metrics.average_precision, "over all thresholds"),
        tile("roc_auc", "ROC AUC", metrics.roc_auc, "chance to rank an anomaly above a normal row"),
        tile(
            "false_alarm_rate",
            "False-alarm rate",
            metrics.false_alarm_rate,
            "of normal rows raise an alert",
            measure_rate(false_alarms, metrics.normals),
        ),
    )


def _thin_history(inputs: Inputs) -> tuple[TrainingCheck, ...]:
    history = inputs.model.history
    stride = -(-len(history) // TRAINING_POINTS) or 1
    return (*history[:-1:stride], *history[-1:])


def _account(manifest: ScoredManifest, scored: Path) -> Accounting:
    by_reason = sorted(manifest.rejected_by_reason.items(), key=lambda item: (-item[1], item[0]))
    return Accounting(
        rows_in=manifest.rows_in,
        rows_scored=manifest.rows_scored,
        rows_rejected=manifest.rows_rejected,
        by_reason=tuple(by_reason),
        examples=_rejected_examples(scored / "rejected.parquet") if manifest.rows_rejected else (),
    )


def _rejected_examples(path: Path) -> tuple[RejectedRow, ...]:
    columns = ["source_file", "source_row", "reject_reason", "detail"]
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            batches = file.iter_batches(batch_size=REJECTED_EXAMPLES, columns=columns)
            records: list[dict[str, Any]] = [row for batch in itertools.islice(batches, 1) for row in batch.to_pylist()]
        return tuple(RejectedRow(*(record[name] for name in columns)) for record in records)
    except (pa.ArrowException, OSError, KeyError) as error:
        msg = f"{path} cannot be read: {error}; score the source again"
        raise ArtifactError(msg) from error

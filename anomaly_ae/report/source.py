"""The source of every section: the files of a scored table and its model version, read once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from anomaly_ae.errors import ArtifactError
from anomaly_ae.monitoring.profile import Profile
from anomaly_ae.report.inputs import Inputs, ScoredManifest, read_inputs
from anomaly_ae.report.tally import Array, Scan, Tally, scan
from anomaly_ae.report.top_rows import TopRows, read_top_rows
from anomaly_ae.report.verdict import Verdict, judge
from anomaly_ae.storage.parquet import read_parquet
from anomaly_ae.stories.alerts import stories_of
from anomaly_ae.stories.grouping import Story

TOP_ROWS = 500
WARNED_ROWS = 100
"""Rows shown, of those that only the warn threshold flags."""

ROWS_BELOW_THRESHOLD = 10
"""Rows shown for orientation when none is above the threshold."""


@dataclass(frozen=True)
class Source:
    """What sections are made from.

    Attributes:
        scored: the scored directory.
        model: the directory of the model version.
        inputs: their JSON files.
        parts: the Parquet files of the scored table, in order.
        scan: counts of scores by kind of row, and the places of the top rows.
        top: the rows that the table of anomalies shows, highest score first.
        validation: scores of the normal validation rows, ascending; None where the model version does not hold them.
        stories: the alerts, grouped by their reasons.
        verdict: what the counts say of the promise.
    """

    scored: Path
    model: Path
    inputs: Inputs
    parts: tuple[Path, ...]
    scan: Scan
    top: TopRows
    validation: Array | None
    stories: tuple[Story, ...]
    verdict: Verdict

    @property
    def profile(self) -> Profile | None:
        """What the columns held among the train rows; None where the model version does not say."""
        return self.inputs.profile

    @property
    def manifest(self) -> ScoredManifest:
        """What the step that scored says it did."""
        return self.inputs.manifest

    @property
    def tally(self) -> Tally:
        """Counts of scores by kind of row."""
        return self.scan.tally


def open_source(scored: Path, model: Path) -> Source:
    """Read a scored directory and its model version; memory does not grow with the rows.

    Raises:
        ArtifactError: a file is missing or malformed, or the files contradict each other.
    """
    inputs = read_inputs(scored, model)
    parts = tuple(sorted(scored.glob("part-*.parquet")))
    scanned = scan(parts, TOP_ROWS)
    _check_rows(scanned.tally, inputs.manifest, scored)
    rejected = inputs.manifest.rows_rejected
    verdict = judge(scanned.tally, inputs.calibration, inputs.metrics, rejected, inputs.validity)
    alerts = inputs.manifest.alerts
    top = read_top_rows(parts, scanned.top[: alerts + WARNED_ROWS]).worth_showing(ROWS_BELOW_THRESHOLD)
    stories = stories_of(scored) if alerts else ()
    return Source(scored, model, inputs, parts, scanned, top, _validation(model), stories, verdict)


def _validation(model: Path) -> Array | None:
    path = model / "validation_scores.parquet"
    if not path.exists():
        return None
    rows = read_parquet(path)
    if "label" in rows.column_names:
        rows = rows.filter(pc.not_equal(pc.field("label"), True) | pc.is_null(pc.field("label")))
    scores: Array = np.sort(rows["anomaly_score"].to_numpy())
    return scores


def _check_rows(tally: Tally, manifest: ScoredManifest, scored: Path) -> None:
    rows, alerts = tally.total(), tally.total(lambda group: group.is_anomaly)
    if (rows, alerts) != (manifest.rows_scored, manifest.alerts):
        msg = (
            f"{scored} holds {rows} rows with {alerts} alerts, but its manifest says {manifest.rows_scored} with "
            f"{manifest.alerts}: a part is missing or altered; score the source again"
        )
        raise ArtifactError(msg)

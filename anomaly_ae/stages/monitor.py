"""Monitor: can the threshold still be trusted on the rows of a scored table?"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anomaly_ae.monitoring.alerts import AlertTally, is_judged
from anomaly_ae.monitoring.drift import find_drift
from anomaly_ae.monitoring.false_alarms import Rates, alarm_rates
from anomaly_ae.monitoring.profile import Counts, Profile
from anomaly_ae.monitoring.scores import ScoreRanks
from anomaly_ae.monitoring.validity import Validity, judge
from anomaly_ae.threshold import Detector, scores_of
from anomaly_ae.threshold.rows import kept_name
from anomaly_ae.threshold.sample import anomalies
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredTable

COLUMNS = ("anomaly_score", "is_anomaly", "label", "split")


def monitor(table: ScoredTable, model: ModelVersion) -> Validity:
    """Judge whether the threshold still holds on the rows of a scored table, and store the verdict beside them.

    Judged are the rows that the model was not made from, without those labelled anomalies; in one pass, in bounded
    memory.

    Args:
        table: the scored table.
        model: the version that scored it.

    Raises:
        ArtifactError: a directory is incomplete or altered, or the dataset no longer fits the scored table.
    """
    reference = Reference.of(model, table.manifest.calibration_id)
    profile, dataset = model.profile, table.dataset
    tally = _MonitorTally(ScoreRanks(reference.scores), ScoreRanks(reference.below))
    for rows, cells in _batches(table, profile):
        tally.add(rows, cells, profile)
    missing = None
    if dataset is None:
        missing = f"the dataset of {table.directory} was removed"
    elif not profile.columns:
        missing = f"{model.directory} has no profile of its inputs"
    validity = judge(
        tally.alerts.counts(),
        reference.rates,
        scores=tally.all_scores.check(),
        below=tally.below.check(),
        columns=find_drift(profile.columns, tally.cells) if tally.cells else (),
        inputs_not_checked=missing,
    )
    table.write_validity(validity)
    return validity


@dataclass(frozen=True)
class Reference:
    """The normal validation rows, as the calibration that scored the table judges them.

    Attributes:
        scores: of all, ascending.
        below: of those that are no alerts, ascending.
        above: how many are, counted as for one threshold: each further threshold lets one more row pass on average.
    """

    scores: NDArray[np.float64]
    below: NDArray[np.float64]
    above: int

    @property
    def rates(self) -> Rates:
        """What the false-alarm rate of the calibration may be."""
        return alarm_rates(self.above, len(self.scores))

    @classmethod
    def of(cls, model: ModelVersion, calibration_id: str) -> Self:
        """Read the validation rows of a model version and judge them by one of its calibrations."""
        validation = model.validation
        normal = validation.filter(pa.array(~anomalies(validation) & np.isfinite(scores_of(validation))))
        # Not the threshold in force: another one may have followed since the table was scored.
        stored = model.calibration_of(calibration_id)
        detector = Detector.of(stored, validation)
        detector = replace(detector, by=detector.by and kept_name(detector.by))
        scores = scores_of(normal)
        decided = detector.decide(scores, normal)
        thresholds = pc.count_distinct(decided.segment, mode="all").as_py()
        return cls(scores, scores[~decided.is_anomaly], int(decided.is_anomaly.sum()) + max(thresholds, 1) - 1)


@dataclass
class _MonitorTally:
    """What one pass over the rows adds up: alerts of all rows, scores and cells of the judged ones."""

    all_scores: ScoreRanks
    below: ScoreRanks
    alerts: AlertTally = field(default_factory=AlertTally)
    cells: list[Counts] = field(default_factory=list)

    def add(self, rows: pa.RecordBatch, cells: pa.RecordBatch | None, profile: Profile) -> None:
        self.alerts.add(rows)
        mask = is_judged(rows)
        judged = rows.filter(mask)
        score, is_anomaly = _numpy(judged, "anomaly_score"), _numpy(judged, "is_anomaly").astype(bool)
        self.all_scores.add(score)
        self.below.add(score[~is_anomaly])
        if cells is not None:
            counts = profile.count(cells.filter(mask))
            self.cells = [old + new for old, new in zip(self.cells, counts, strict=True)] if self.cells else counts


def _batches(table: ScoredTable, profile: Profile) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch | None]]:
    """Yield the rows, with their cells where the dataset exists and the model knows what they should be."""
    features = [column.name for column in profile.columns]
    if table.dataset is None or not features:
        for rows in table.batches(COLUMNS):
            yield rows, None
        return
    yield from table.batches_beside(COLUMNS, table.dataset, features)


def _numpy(rows: pa.RecordBatch, name: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = rows.column(name).to_numpy(zero_copy_only=False)
    return values

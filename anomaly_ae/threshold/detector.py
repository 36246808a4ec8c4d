"""Detector: a row's score against the threshold of its segment, and its rank among that segment's validation scores.

All rows of a batch are decided at once, however many segments there are: scores become ranks among all validation
scores, and each segment's ranks are shifted into a separate range, so that one binary search serves all segments.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anomaly_ae.threshold.calibration import Calibration
from anomaly_ae.threshold.conformal import severity
from anomaly_ae.threshold.rows import kept_name
from anomaly_ae.threshold.sample import Counts, Floats, anomalies, scores_of
from anomaly_ae.threshold.segments import segment_values

LEVELS = ("normal", "warn", "alert")


@dataclass(frozen=True)
class Decisions:
    """What is decided for each row, `(n,)` each.

    Attributes:
        p_value: `(1 + #{validation scores >= score}) / (n_validation + 1)`, within the row's segment.
        severity: the same from 0 to 100 on a log scale.
        threshold: the one that applies to the row.
        is_anomaly: whether the score is above it.
        level: one of `LEVELS`.
        segment: the segment whose threshold applies; null: the threshold of all rows does.
    """

    p_value: Floats
    severity: Floats
    threshold: Floats
    is_anomaly: NDArray[np.bool_]
    level: pa.Array
    segment: pa.Array


@dataclass(frozen=True)
class Detector:
    """A calibration with its validation scores, ready to decide batches of rows.

    Attributes:
        by: column that makes the segments.
        segments: those that have a threshold, `(s,)`.
        thresholds: of all rows, then of each segment, `(1 + s,)`.
        warn_thresholds: likewise; infinite where there is no warn level.
        ladder: all normal validation scores, distinct and ascending.
        ranks: for all rows, then for each segment: where its scores are on the ladder, shifted into separate ranges.
        counts: normal validation rows of all, then of each segment, `(1 + s,)`.
    """

    by: str | None
    segments: pa.Array
    thresholds: Floats
    warn_thresholds: Floats
    ladder: Floats
    ranks: Counts
    counts: Counts

    @classmethod
    def of(cls, calibration: Calibration, validation: pa.Table) -> Self:
        """Prepare a calibration of a model version with its validation rows."""
        own = [segment for segment in calibration.segments if segment.threshold is not None]
        names = pa.array([segment.value for segment in own], pa.string())
        scores = scores_of(validation)
        kept = ~anomalies(validation) & np.isfinite(scores)
        codes = _codes(validation, calibration.by and kept_name(calibration.by), names)[kept]
        ladder, places = np.unique(scores[kept], return_inverse=True)
        groups = np.concatenate([np.zeros_like(codes), codes[codes > 0]])
        places = np.concatenate([places, places[codes > 0]])
        warns = [calibration.warn_threshold, *(segment.warn_threshold for segment in own)]
        return cls(
            by=calibration.by,
            segments=names,
            thresholds=np.array([calibration.threshold, *(segment.threshold for segment in own)]),
            warn_thresholds=np.array([np.inf if warn is None else warn for warn in warns]),
            ladder=ladder,
            ranks=np.sort(groups * (len(ladder) + 1) + places),
            counts=np.bincount(groups, minlength=1 + len(own)),
        )

    def decide(self, scores: Floats, rows: pa.Table | pa.RecordBatch) -> Decisions:
        """Decide which rows are anomalies, by their scores.

        Args:
            scores: anomaly scores, `(n,)`.
            rows: the rows, with the column that makes the segments.

        Raises:
            CalibrationError: the rows lack that column.
        """
        codes = _codes(rows, self.by, self.segments)
        threshold, counts = self.thresholds[codes], self.counts[codes]
        p_value = (1 + self._at_least(scores, codes)) / (1 + counts)
        is_anomaly = scores > threshold
        level = np.where(is_anomaly, 2, scores > self.warn_thresholds[codes])
        return Decisions(
            p_value=p_value,
            severity=severity(p_value, np.maximum(counts, 1)),
            threshold=threshold,
            is_anomaly=is_anomaly,
            level=pa.array(LEVELS).take(pa.array(level)),
            segment=self.segments.take(pa.array(codes - 1, mask=codes == 0)),
        )

    def _at_least(self, scores: Floats, codes: Counts) -> Counts:
        """Count, for each row, the validation scores of its segment that are at least as high as its score."""
        place = np.searchsorted(self.ladder, scores, side="left") + codes * (len(self.ladder) + 1)
        return np.cumsum(self.counts)[codes] - np.searchsorted(self.ranks, place, side="left")


def _codes(rows: pa.Table | pa.RecordBatch, by: str | None, segments: pa.Array) -> Counts:
    """Return for each row the number, from 1, of the segment whose threshold applies; 0: that of all rows."""
    if by is None:
        return np.zeros(rows.num_rows, dtype=np.int64)
    places = pc.index_in(segment_values(rows, by), segments)
    codes: Counts = pc.fill_null(places, -1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    return codes

"""The scores that a rule sees: those of normal rows and those of labelled anomalies, ascending.

A table of rows to calibrate on has a column `anomaly_score`, may have a column `label` (true: an anomaly; false, null
or no such column: taken for normal), and may have columns that make segments.
"""

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anomaly_ae.errors import CalibrationError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
SCORE, LABEL = "anomaly_score", "label"


@dataclass(frozen=True)
class Sample:
    """Scores of rows that training never saw.

    Attributes:
        normal: of normal rows, `(n,)`, ascending.
        anomalous: of labelled anomalies, `(m,)`, ascending.
    """

    normal: Floats
    anomalous: Floats

    @classmethod
    def of(cls, rows: pa.Table) -> Self:
        """Take the scores out of a table.

        Raises:
            CalibrationError: there is no normal row, or a score is not finite.
        """
        scores, anomaly = scores_of(rows), anomalies(rows)
        _refuse_not_finite(scores)
        if anomaly.all():
            msg = "there are no validation scores of normal rows to calibrate on"
            raise CalibrationError(msg)
        return cls(np.sort(scores[~anomaly]), np.sort(scores[anomaly]))

    def normals_above(self, threshold: Floats | float) -> Counts:
        """Count the normal rows above each threshold."""
        return len(self.normal) - np.searchsorted(self.normal, threshold, side="right")

    def anomalies_above(self, threshold: Floats | float) -> Counts:
        """Count the anomalies above each threshold."""
        return len(self.anomalous) - np.searchsorted(self.anomalous, threshold, side="right")

    def base_rate(self, given: float | None) -> float:
        """Return the given share of anomalies; if None, the share among these rows."""
        return len(self.anomalous) / (len(self.anomalous) + len(self.normal)) if given is None else given

    def cuts(self) -> Floats:
        """Return one threshold for every way to divide these rows, ascending: midway between neighbouring scores."""
        scores = np.unique(np.concatenate([self.normal, self.anomalous]))
        below, above = scores[:-1], scores[1:]
        midway = np.minimum(below + (above - below) / 2, np.nextafter(above, -np.inf))
        return np.concatenate([[np.nextafter(scores[0], -np.inf)], midway, scores[-1:]])


def scores_of(rows: pa.Table) -> Floats:
    """Return the anomaly scores of a table, `(n,)`."""
    scores: Floats = rows.column(SCORE).to_numpy()
    return scores


def anomalies(rows: pa.Table) -> NDArray[np.bool_]:
    """Return which rows are labelled anomalies, `(n,)`."""
    if LABEL not in rows.column_names:
        return np.zeros(rows.num_rows, dtype=np.bool_)
    mask: NDArray[np.bool_] = pc.fill_null(rows.column(LABEL), False).to_numpy(zero_copy_only=False)
    return mask


def normal_scores(rows: pa.Table) -> Floats:
    """Return the scores of the normal rows, ascending; those that are not finite are left out."""
    scores = scores_of(rows)[~anomalies(rows)]
    return np.sort(scores[np.isfinite(scores)])


def hash_scores(scores: Floats) -> str:
    """Return the SHA-256 of scores in ascending order, in hex."""
    return hashlib.sha256(np.sort(scores).tobytes()).hexdigest()


def _refuse_not_finite(scores: Floats) -> None:
    bad = int(np.sum(~np.isfinite(scores)))
    if bad:
        msg = f"{bad} of {len(scores)} validation scores are not finite; train the model again"
        raise CalibrationError(msg)

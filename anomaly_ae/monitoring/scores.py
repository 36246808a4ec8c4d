"""Scores: whether new ones are distributed as the validation scores are."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from anomaly_ae.monitoring.drift import LEVEL, MIN_SHIFT
from anomaly_ae.spec import Section

MIN_ROWS = 50
"""With fewer rows on either side, the test would see only the largest differences."""

Floats = NDArray[np.float64]


class ScoreCheck(Section):
    """Scores of new rows against validation scores.

    Attributes:
        rows: new rows.
        distance: largest difference between the two distribution functions (Kolmogorov-Smirnov).
        p_value: of that difference, if both came from one distribution; too large where scores are tied.
        above: chance that a new score lies above a validation score; .5 where nothing has changed.
        has_moved: whether the difference is significant and matters.
    """

    rows: int
    distance: float
    p_value: float
    above: float
    has_moved: bool


class ScoreRanks:
    """Ranks of new scores among validation scores: all that a comparison needs, whatever the number of rows.

    Args:
        reference: validation scores, ascending, `(n,)`.
    """

    def __init__(self, reference: Floats) -> None:
        self.reference = reference
        self._above = np.zeros(len(reference) + 1, np.int64)
        self._not_below = np.zeros(len(reference) + 1, np.int64)

    def add(self, scores: Floats) -> None:
        """Count more new scores."""
        length = len(self.reference) + 1
        self._above += np.bincount(np.searchsorted(self.reference, scores, "left"), minlength=length)
        self._not_below += np.bincount(np.searchsorted(self.reference, scores, "right"), minlength=length)

    def check(self) -> ScoreCheck | None:
        """Compare; None where either side has too few rows."""
        rows, n = int(self._above.sum()), len(self.reference)
        if min(rows, n) < MIN_ROWS:
            return None
        distance = max(self._distance(self._above, "right"), self._distance(self._not_below, "left"))
        p_value = float(stats.kstwo.sf(distance, max(1, round(n * rows / (n + rows)))))
        ranks = (self._above + self._not_below) @ np.arange(n + 1)
        return ScoreCheck(
            rows=rows,
            distance=distance,
            p_value=p_value,
            above=float(ranks / (2 * n * rows)),
            has_moved=p_value < LEVEL and distance >= MIN_SHIFT,
        )

    def _distance(self, counts: NDArray[np.int64], side: Literal["left", "right"]) -> float:
        """Return the largest gap between distribution functions at the validation scores, from the right or left."""
        ours = np.cumsum(counts)[:-1] / counts.sum()
        theirs = np.searchsorted(self.reference, self.reference, side) / len(self.reference)
        return float(np.abs(ours - theirs).max())

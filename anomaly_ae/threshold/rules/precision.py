"""Rule `precision`: at least this share of the alerts is real.

Candidates are the thresholds above which 0, 1, 2, 4, 8, ... of the normal rows lie. At each, the false-alarm rate and
the recall have exact bounds. The confidence is shared out evenly among all of these (Bonferroni), so that all hold at
once and the best candidate may be picked after looking. Sources: Clopper and Pearson, 1934, for the bounds;
Angelopoulos and others, "Learn then test", 2021, for picking a parameter by tests on held-out rows.
"""

from typing import Literal

import numpy as np
from pydantic import Field

from anomaly_ae.errors import CalibrationError
from anomaly_ae.spec import Share
from anomaly_ae.threshold.conformal import lower_bound, upper_bound
from anomaly_ae.threshold.rules.rule import BaseRate, Confidence, Cut, Rule
from anomaly_ae.threshold.sample import Counts, Floats, Sample


class PrecisionThreshold(Rule):
    """At least this share of alerts is real: the lowest threshold for which that is sure."""

    needs_anomalies = True
    takes_reviewed = True
    figure = "target_precision"
    warn_figure = "warn_precision"
    milder_is = "lower"
    rule: Literal["precision"] = "precision"
    target_precision: Share = Field(0.8, description="share of alerts that are real, at least")
    warn_precision: Share | None = Field(None, description="the same for the warn level; default: no such level")
    confidence: Confidence = 0.95
    base_rate: BaseRate = None

    def cut(self, sample: Sample) -> Cut:
        """Return the lowest threshold for which it is sure that `target_precision` of the alerts are real.

        Raises:
            CalibrationError: there is no such threshold.
        """
        above = _candidates(len(sample.normal))
        thresholds = sample.normal[::-1][above]
        base_rate = sample.base_rate(self.base_rate)
        surely = _precision_bound(sample, above, thresholds, base_rate, self.confidence)
        kept = np.flatnonzero(surely >= self.target_precision)
        if len(kept) == 0:
            best = int(np.argmax(surely))
            msg = (
                f"no threshold is sure to make {self.target_precision:g} of the alerts real: the best, "
                f"{thresholds[best]:g}, promises {surely[best]:.3g} from {len(sample.normal)} normal rows and "
                f"{len(sample.anomalous)} anomalies, where {base_rate:.3g} of the rows are anomalies. Give more "
                "labelled rows, a lower threshold.target_precision or threshold.confidence."
            )
            raise CalibrationError(msg)
        return Cut(float(thresholds[kept[-1]]), self._promise(base_rate))

    def _promise(self, base_rate: float) -> str:
        is_sure = self.confidence is not None
        how = f"with {self.confidence:.0%} confidence" if is_sure else "as estimated on the labelled rows"
        return (
            f"Of the alerts at least {self.target_precision:.3g} are real, {how}, as long as {base_rate:.3g} of the "
            "rows are anomalies like the labelled ones; how many anomalies are missed is not promised."
        )


def _precision_bound(
    sample: Sample, above: Counts, thresholds: Floats, base_rate: float, confidence: float | None
) -> Floats:
    """Return a lower bound of the precision at each threshold; all hold at once, with the confidence.

    Args:
        sample: normal rows and anomalies.
        above: normal rows above each threshold, `(k,)`.
        thresholds: `(k,)`.
        base_rate: share of anomalies among the rows to come.
        confidence: None gives the plain estimate.
    """
    n, m = len(sample.normal), len(sample.anomalous)
    found = sample.anomalies_above(thresholds)
    if confidence is None:
        recall, false_alarms = found / m, above / n
    else:
        each = 1 - (1 - confidence) / (2 * len(thresholds))
        recall, false_alarms = lower_bound(found, m, each), upper_bound(above, n, each)
    real = base_rate * recall
    flagged = real + (1 - base_rate) * false_alarms
    return np.divide(real, flagged, out=np.zeros_like(real), where=flagged > 0)


def _candidates(n: int) -> Counts:
    """Return 0, 1, 2, 4, 8, ... below n."""
    return np.concatenate([[0], 2 ** np.arange(max(0, int(n - 1).bit_length()))])

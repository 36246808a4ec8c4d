"""Rule `recall`: at least so many of the anomalies are flagged.

The conformal cut, turned round: the highest threshold that at most `1 - target_recall` of new anomalies fall short of.
"""

import numpy as np

from anomaly_ae.errors import CalibrationError
from anomaly_ae.spec import RecallThreshold
from anomaly_ae.threshold.conformal import cut, rows_needed, smallest_rate
from anomaly_ae.threshold.rules.rule import Cut
from anomaly_ae.threshold.sample import Sample


def cut_by_recall(sample: Sample, rule: RecallThreshold) -> Cut:
    """Return the highest threshold that keeps the recall of anomalies like the labelled ones at `target_recall`.

    Raises:
        CalibrationError: too few labelled anomalies to promise the recall.
    """
    missed, m = 1 - rule.target_recall, len(sample.anomalous)
    lowest = cut(-sample.anomalous[::-1], missed, rule.confidence)
    if lowest is None:
        msg = (
            f"a recall of {rule.target_recall:g} needs at least {rows_needed(missed, rule.confidence)} labelled "
            f"anomalies; there are {m}, which can promise {1 - smallest_rate(m, rule.confidence):.3g}. Give more, set "
            "a lower threshold.target_recall, or threshold.confidence: null for a promise on average."
        )
        raise CalibrationError(msg)
    how = "on average" if rule.confidence is None else f"with {rule.confidence:.0%} confidence"
    promise = (
        f"Of new anomalies like the {m} labelled ones at least {rule.target_recall:.3g} are above the threshold, "
        f"{how}. Anomalies of other kinds are promised nothing, nor is the number of false alarms."
    )
    # An anomaly at the cut itself is one of those to be flagged, so the threshold is just below.
    return Cut(float(np.nextafter(-lowest, -np.inf)), promise)

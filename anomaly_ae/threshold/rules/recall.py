"""Rule `recall`: at least this share of the anomalies is flagged.

It is the conformal cut mirrored: the highest threshold that at most `1 - target_recall` of new anomalies stay below.
"""

from typing import Literal

import numpy as np
from pydantic import Field

from anomaly_ae.errors import CalibrationError
from anomaly_ae.spec import Share
from anomaly_ae.threshold.conformal import cut, rows_needed, smallest_rate
from anomaly_ae.threshold.rules.rule import Confidence, Cut, Rule
from anomaly_ae.threshold.sample import Sample


class RecallThreshold(Rule):
    """At least this share of anomalies like the labelled ones lies above the threshold."""

    needs_anomalies = True
    figure = "target_recall"
    warn_figure = "warn_recall"
    rule: Literal["recall"] = "recall"
    target_recall: Share = Field(0.9, description="share of anomalies to be flagged at least")
    warn_recall: Share | None = Field(None, description="the same for the warn level; default: no such level")
    confidence: Confidence = 0.95

    def cut(self, sample: Sample) -> Cut:
        """Return the highest threshold that keeps the recall of anomalies like the labelled ones at `target_recall`.

        Raises:
            CalibrationError: too few labelled anomalies to promise the recall.
        """
        missed, m = 1 - self.target_recall, len(sample.anomalous)
        lowest = cut(-sample.anomalous[::-1], missed, self.confidence)
        if lowest is None:
            msg = (
                f"a recall of {self.target_recall:g} needs at least {rows_needed(missed, self.confidence)} labelled "
                f"anomalies; there are {m}, which can promise {1 - smallest_rate(m, self.confidence):.3g}. Give more, "
                "set a lower threshold.target_recall, or threshold.confidence: null for a promise on average."
            )
            raise CalibrationError(msg)
        how = "On average" if self.confidence is None else f"With {self.confidence:.0%} confidence"
        promise = (
            f"{how}, at least {100 * self.target_recall:.3g}% of new anomalies like the {m} labelled ones are above "
            "the threshold. Nothing is promised about other kinds of anomaly, or about false alarms."
        )
        # An anomaly at the cut itself is one of those to be flagged, so the threshold is just below.
        return Cut(float(np.nextafter(-lowest, -np.inf)), promise)

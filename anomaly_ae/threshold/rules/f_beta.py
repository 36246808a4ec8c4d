"""Rule `f_beta`: the best balance of precision and recall on the labelled validation rows."""

from typing import Literal

import numpy as np
from pydantic import Field

from anomaly_ae.threshold.rules.rule import BaseRate, Cut, Positive, Rule
from anomaly_ae.threshold.sample import Sample


class FBetaThreshold(Rule):
    """The largest F-beta on the labelled validation rows; beta times as much weight on recall as on precision."""

    needs_anomalies = True
    figure = "beta"
    warn_figure = "warn_beta"
    rule: Literal["f_beta"] = "f_beta"
    beta: Positive = Field(1.0, description="above 1 recall weighs more, below 1 precision")
    warn_beta: Positive | None = Field(None, description="the same for the warn level; default: no such level")
    base_rate: BaseRate = None

    def cut(self, sample: Sample) -> Cut:
        """Return the threshold with the largest F-beta at the base rate; the lowest of several."""
        thresholds, base_rate = sample.cuts(), sample.base_rate(self.base_rate)
        real = base_rate * sample.anomalies_above(thresholds) / len(sample.anomalous)
        false = (1 - base_rate) * sample.normals_above(thresholds) / len(sample.normal)
        weight = self.beta**2
        score = (1 + weight) * real / (real + false + weight * base_rate)
        best = int(np.argmax(score))
        promise = (
            f"No promise: F{self.beta:g} is {score[best]:.3g} on the {len(sample.anomalous)} anomalies and "
            f"{len(sample.normal)} normal rows that chose the threshold, which is higher than it will be on others."
        )
        return Cut(float(thresholds[best]), promise)

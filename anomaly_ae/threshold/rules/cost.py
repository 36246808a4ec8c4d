"""Rule `cost`: the smallest expected cost of false alarms and misses on the labelled validation rows."""

from typing import Literal

import numpy as np
from pydantic import Field

from anomaly_ae.threshold.rules.rule import BaseRate, Cut, Positive, Rule
from anomaly_ae.threshold.sample import Floats, Sample


class CostThreshold(Rule):
    """The smallest expected cost on the labelled validation rows."""

    needs_anomalies = True
    takes_reviewed = True
    figure = "miss_cost"
    warn_figure = "warn_miss_cost"
    rule: Literal["cost"] = "cost"
    false_alarm_cost: Positive = Field(1.0, description="cost of looking at a normal row")
    miss_cost: Positive = Field(10.0, description="cost of an anomaly that nobody looks at")
    warn_miss_cost: Positive | None = Field(None, description="the same for the warn level; default: no such level")
    base_rate: BaseRate = None

    def cut(self, sample: Sample) -> Cut:
        """Return the threshold with the smallest expected cost a row at the base rate; the lowest of several."""
        thresholds = sample.cuts()
        cost = self.expected_cost(sample, thresholds)
        best = int(np.argmin(cost))
        promise = (
            f"No promise: the cost is {1000 * cost[best]:.3g} per 1,000 rows on the {len(sample.anomalous)} anomalies "
            f"and {len(sample.normal)} normal rows that chose the threshold (flagging none would cost "
            f"{1000 * cost[-1]:.3g}, flagging all {1000 * cost[0]:.3g}), where {sample.base_rate(self.base_rate):.3g} "
            "of the rows are anomalies."
        )
        return Cut(float(thresholds[best]), promise)

    def expected_cost(self, sample: Sample, thresholds: Floats) -> Floats:
        """Return the expected cost a row of each threshold, `(k,)`."""
        base_rate = sample.base_rate(self.base_rate)
        false_alarms = sample.normals_above(thresholds) / len(sample.normal)
        missed = 1 - sample.anomalies_above(thresholds) / len(sample.anomalous)
        cost: Floats = self.false_alarm_cost * (1 - base_rate) * false_alarms + self.miss_cost * base_rate * missed
        return cost

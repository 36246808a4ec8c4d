"""Rule `cost`: the smallest expected cost of false alarms and misses on the labelled validation rows."""

import numpy as np

from anomaly_ae.spec import CostThreshold
from anomaly_ae.threshold.rules.rule import Cut
from anomaly_ae.threshold.sample import Floats, Sample


def cut_by_cost(sample: Sample, rule: CostThreshold) -> Cut:
    """Return the threshold with the smallest expected cost a row at the base rate; of several the lowest."""
    thresholds = sample.cuts()
    cost = expected_cost(sample, thresholds, rule)
    best = int(np.argmin(cost))
    promise = (
        f"No promise: the cost is {1000 * cost[best]:.3g} per 1,000 rows on the {len(sample.anomalous)} anomalies and "
        f"{len(sample.normal)} normal rows that chose the threshold (flagging none would cost {1000 * cost[-1]:.3g}, "
        f"flagging all {1000 * cost[0]:.3g}), where {sample.base_rate(rule.base_rate):.3g} of the rows are anomalies."
    )
    return Cut(float(thresholds[best]), promise)


def expected_cost(sample: Sample, thresholds: Floats, rule: CostThreshold) -> Floats:
    """Return the expected cost a row of each threshold."""
    base_rate = sample.base_rate(rule.base_rate)
    false_alarms = sample.normals_above(thresholds) / len(sample.normal)
    missed = 1 - sample.anomalies_above(thresholds) / len(sample.anomalous)
    cost: Floats = rule.false_alarm_cost * (1 - base_rate) * false_alarms + rule.miss_cost * base_rate * missed
    return cost

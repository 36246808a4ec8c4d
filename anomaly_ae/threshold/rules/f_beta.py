"""Rule `f_beta`: the best balance of precision and recall on the labelled validation rows."""

import numpy as np

from anomaly_ae.spec import FBetaThreshold
from anomaly_ae.threshold.rules.rule import Cut
from anomaly_ae.threshold.sample import Sample


def cut_by_f_beta(sample: Sample, rule: FBetaThreshold) -> Cut:
    """Return the threshold with the largest F-beta at the base rate; of several the lowest."""
    thresholds, base_rate = sample.cuts(), sample.base_rate(rule.base_rate)
    real = base_rate * sample.anomalies_above(thresholds) / len(sample.anomalous)
    false = (1 - base_rate) * sample.normals_above(thresholds) / len(sample.normal)
    weight = rule.beta**2
    score = (1 + weight) * real / (real + false + weight * base_rate)
    best = int(np.argmax(score))
    promise = (
        f"No promise: F{rule.beta:g} is {score[best]:.3g} on the {len(sample.anomalous)} anomalies and "
        f"{len(sample.normal)} normal rows that chose the threshold, which is more than on others."
    )
    return Cut(float(thresholds[best]), promise)

"""Rule `manual`: a threshold set by hand."""

from anomaly_ae.evaluation.proportions import wilson
from anomaly_ae.spec import ManualThreshold
from anomaly_ae.threshold.rules.rule import Cut
from anomaly_ae.threshold.sample import Sample


def cut_by_hand(sample: Sample, rule: ManualThreshold) -> Cut:
    """Return the threshold that was set, and say how many normal rows lie above it."""
    n, above = len(sample.normal), int(sample.normals_above(rule.threshold))
    low, high = wilson(above / n, n)
    promise = (
        f"No promise: set by hand; of the {n} normal validation rows {above} are above it (false-alarm rate "
        f"{above / n:.3g}, 95% interval {low:.3g} to {high:.3g})."
    )
    return Cut(rule.threshold, promise)

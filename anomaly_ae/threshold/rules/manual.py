"""Rule `manual`: a threshold set by hand."""

from anomaly_ae.spec import ManualThreshold
from anomaly_ae.threshold.conformal import lower_bound, upper_bound
from anomaly_ae.threshold.rules.rule import Cut
from anomaly_ae.threshold.sample import Sample


def cut_by_hand(sample: Sample, rule: ManualThreshold) -> Cut:
    """Return the threshold that was set, and say how many normal rows lie above it."""
    n, above = len(sample.normal), sample.normals_above(rule.threshold)
    low, high = lower_bound(above, n, 0.975), upper_bound(above, n, 0.975)
    promise = (
        f"No promise: set by hand; of the {n} normal validation rows {int(above)} are above it (false-alarm rate "
        f"between {low:.3g} and {high:.3g}, at 95% confidence)."
    )
    return Cut(rule.threshold, promise)

"""Rule `fpr`: at most so many of the normal rows are flagged."""

from anomaly_ae.errors import CalibrationError
from anomaly_ae.spec import FprThreshold
from anomaly_ae.threshold.conformal import cut, rows_needed, smallest_rate
from anomaly_ae.threshold.rules.rule import Cut
from anomaly_ae.threshold.sample import Sample


def cut_by_fpr(sample: Sample, rule: FprThreshold) -> Cut:
    """Return the smallest threshold whose false-alarm rate on new normal rows is at most `target_fpr`.

    Raises:
        CalibrationError: too few normal rows to promise the rate.
    """
    rate, n = rule.target_fpr, len(sample.normal)
    threshold = cut(sample.normal, rate, rule.confidence)
    if threshold is None:
        msg = (
            f"a false-alarm rate of {rate:g} needs at least {rows_needed(rate, rule.confidence)} normal validation "
            f"rows; there are {n}, which can promise {smallest_rate(n, rule.confidence):.3g}. Give more rows, a larger "
            "split.validation, or a higher threshold.target_fpr."
        )
        raise CalibrationError(msg)
    how = "on average" if rule.confidence is None else f"with {rule.confidence:.0%} confidence"
    promise = f"Of new normal rows from the same source at most {rate:.3g} are above the threshold, {how}."
    return Cut(threshold, promise, rate)

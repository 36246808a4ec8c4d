"""Rule `fpr`: at most this share of normal rows is flagged."""

from typing import Literal, Self

from pydantic import Field

from anomaly_ae.errors import CalibrationError
from anomaly_ae.spec import Share
from anomaly_ae.threshold.conformal import cut, rows_needed, smallest_rate
from anomaly_ae.threshold.rules.rule import MILDER, Confidence, Cut, Rule
from anomaly_ae.threshold.sample import Sample


class FprThreshold(Rule):
    """At most this share of normal rows lies above the threshold: split-conformal, from normal rows alone."""

    figure = "target_fpr"
    warn_figure = "warn_fpr"
    rule: Literal["fpr"] = "fpr"
    target_fpr: Share = Field(0.01, description="share of normal rows that may be flagged")
    warn_fpr: Share | None = Field(
        None, description="the same for the warn level; default: five times target_fpr, half of the rows at most"
    )
    confidence: Confidence = None

    @property
    def warn_rule(self) -> Self:
        """The rule at `warn_fpr`, or at five times the rate, half of the rows at most."""
        default = max(self.target_fpr, min(MILDER * self.target_fpr, 0.5))
        return self.model_copy(update={"target_fpr": default if self.warn_fpr is None else self.warn_fpr})

    def cut(self, sample: Sample) -> Cut:
        """Return the smallest threshold whose false-alarm rate on new normal rows is at most `target_fpr`.

        Raises:
            CalibrationError: too few normal rows to promise the rate.
        """
        rate, n = self.target_fpr, len(sample.normal)
        threshold = cut(sample.normal, rate, self.confidence)
        if threshold is None:
            msg = (
                f"a false-alarm rate of {rate:g} needs at least {rows_needed(rate, self.confidence)} normal validation "
                f"rows; there are {n}, which can promise {smallest_rate(n, self.confidence):.3g}. Give more rows, a "
                "larger split.validation, or a higher threshold.target_fpr."
            )
            raise CalibrationError(msg)
        how = "On average" if self.confidence is None else f"With {self.confidence:.0%} confidence"
        promise = f"{how}, at most {100 * rate:.3g}% of new normal rows from the same source are above the threshold."
        return Cut(threshold, promise, rate)

"""Rule `manual`: a threshold set by hand."""

from typing import Annotated, Literal

from pydantic import Field

from anomaly_ae.evaluation.proportions import wilson
from anomaly_ae.threshold.rules.rule import Cut, Rule
from anomaly_ae.threshold.sample import Sample


class ManualThreshold(Rule):
    """A threshold set by hand; it promises nothing."""

    figure = "threshold"
    warn_figure = "warn_threshold"
    milder_is = "lower"
    rule: Literal["manual"] = "manual"
    threshold: float = Field(allow_inf_nan=False, description="cut on the anomaly score")
    warn_threshold: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        None, description="the same for the warn level; default: no such level"
    )

    def cut(self, sample: Sample) -> Cut:
        """Return the threshold that was set, and say how many normal rows lie above it."""
        n, above = len(sample.normal), int(sample.normals_above(self.threshold))
        low, high = wilson(above / n, n)
        promise = (
            f"No promise: set by hand; of the {n} normal validation rows {above} are above it (false-alarm rate "
            f"{above / n:.3g}, 95% interval {low:.3g} to {high:.3g})."
        )
        return Cut(self.threshold, promise)

"""A rule without a figure, as somebody might add it: one class, and one line in the registry."""

from typing import Literal

import numpy as np

from anomaly_ae.threshold.rules import Cut, Rule
from anomaly_ae.threshold.sample import Sample

LINE = ("median", "median_rule:MedianThreshold")
"""Name of the rule and the registration line."""


class MedianThreshold(Rule):
    """Ten times the median score of normal rows."""

    rule: Literal["median"] = "median"

    def cut(self, sample: Sample) -> Cut:
        """Return ten times the median."""
        threshold = 10 * float(np.median(sample.normal))
        return Cut(threshold, f"No promise: ten times the median of {len(sample.normal)} normal rows.")

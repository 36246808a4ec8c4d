"""What the threshold promises."""

from anomaly_ae.spec.sections import Section, Share


class ThresholdSpec(Section):
    """What the threshold promises: the share of normal rows it may flag."""

    target_fpr: Share = 0.01

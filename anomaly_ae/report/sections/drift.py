"""Drift: whether inputs and scores are still like those the threshold was set on."""

from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource


def section(source: ReportSource) -> PageSection:
    """Return the check of the threshold; its content is None if it was not made."""
    return PageSection("drift", "Drift", source.validity)

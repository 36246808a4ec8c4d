"""Drift: whether inputs and scores still are what the threshold was set on."""

from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource


def section(source: ReportSource) -> PageSection:
    """Return the check of the threshold, or that it was not made."""
    return PageSection("drift", "Drift", source.validity)

"""Drift: whether inputs and scores still are what the threshold was set on."""

from anomaly_ae.report.section import Section
from anomaly_ae.report.source import ReportSource


def section(source: ReportSource) -> Section:
    """Return the check of the threshold, or that it was not made."""
    return Section("drift", "Drift", source.validity)

"""Lineage: the rows, the model and the threshold behind this table."""

from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource


def section(source: ReportSource) -> PageSection:
    """Return the section; the template reads the source's manifests."""
    return PageSection("lineage", "Lineage", source)

"""Lineage: which rows, which model and which threshold made this table."""

from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource


def section(source: ReportSource) -> PageSection:
    """Return the files that say where everything came from."""
    return PageSection("lineage", "Lineage", source)

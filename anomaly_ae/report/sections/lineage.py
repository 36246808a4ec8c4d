"""Lineage: which rows, which model and which threshold made this table."""

from anomaly_ae.report.section import Section
from anomaly_ae.report.source import ReportSource


def section(source: ReportSource) -> Section:
    """Return the files that say where everything came from."""
    return Section("lineage", "Lineage", source)

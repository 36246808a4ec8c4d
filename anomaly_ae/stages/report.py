"""Report: one HTML page beside the parts of a scored table."""

from anomaly_ae.storage import write_text
from anomaly_ae.storage.locations import Location
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredTable


def report(table: ScoredTable, model: ModelVersion | None = None) -> Location:
    """Write `report.html` of a judged table, in place of an older one.

    A reader sees the old page or the new one, never a part of it.

    Args:
        table: the judged table.
        model: the version that scored it; default: the one of its workspace. It may lie elsewhere.

    Returns:
        The path of the page.

    Raises:
        ArtifactError: a file is missing or malformed; the model version was removed, or did not score the table.
    """
    # Template engine, statistics and charts take most of a second to load, and only a report needs them.
    from anomaly_ae.report.page import render_page  # noqa: PLC0415 - see above
    from anomaly_ae.report.view import gather  # noqa: PLC0415 - see above

    write_text(table.report, render_page(gather(table, model)))
    return table.report

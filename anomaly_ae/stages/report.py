"""Write the report of a scored table: one HTML page beside its parts."""

from pathlib import Path

from anomaly_ae.storage import write_text

REPORT = "report.html"


def report(scored: Path, model: Path) -> Path:
    """Write `report.html` into a published scored directory, in place of an older one.

    A reader sees the old page or the new one, never a part.

    Args:
        scored: the published scored directory.
        model: the directory of the model version it was scored with.

    Returns:
        The path of the page.

    Raises:
        ArtifactError: a file is missing or malformed, or the two directories do not belong together.
    """
    # Template engine, statistics and charts take most of a second to load, and only a report needs them.
    from anomaly_ae.report.page import render_page  # noqa: PLC0415 - see above
    from anomaly_ae.report.view import gather  # noqa: PLC0415 - see above

    page = scored / REPORT
    write_text(page, render_page(gather(scored, model)))
    return page

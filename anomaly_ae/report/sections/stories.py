"""The stories: alerts grouped by their reasons, each with the traits its rows share."""

from dataclasses import dataclass

from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.stories.grouping import Story


@dataclass(frozen=True)
class Stories:
    """The stories.

    Attributes:
        stories: largest first.
        alerts: number of alerts in all of them.
        min_weight: smallest weight of a trait that is shown.
    """

    stories: tuple[Story, ...]
    alerts: int
    min_weight: float = 0.3


def section(source: ReportSource) -> PageSection | None:
    """Return the stories; None if there are no alerts."""
    if not source.stories:
        return None
    return PageSection("stories", "Stories", Stories(source.stories, source.manifest.alerts))

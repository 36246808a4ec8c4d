"""The stories: alerts grouped by their reasons, each with what its rows have in common."""

from dataclasses import dataclass

from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.stories.grouping import Story

MIN_WEIGHT = 0.3
"""A trait below it is not told."""
TRAITS = 4


@dataclass(frozen=True)
class Stories:
    """The stories, and how many alerts they tell of."""

    stories: tuple[Story, ...]
    alerts: int


def section(source: ReportSource) -> PageSection | None:
    """Return the stories; None without an alert."""
    if not source.stories:
        return None
    return PageSection("stories", "Stories", Stories(source.stories, source.manifest.alerts))

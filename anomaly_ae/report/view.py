"""The view: everything the page shows, read and computed before rendering."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

from anomaly_ae.modalities import modality_of
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.sections import (
    accounting,
    anomalies,
    curves,
    drift,
    labels,
    lineage,
    scores,
    stories,
    timeline,
    training,
    verdict,
    what_if,
)
from anomaly_ae.report.source import ReportSource
from anomaly_ae.report.verdict import Verdict
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredManifest, ScoredTable

MakeSection = Callable[[ReportSource], PageSection | None]

FIRST: tuple[MakeSection, ...] = (verdict.section, stories.section)
REST: tuple[MakeSection, ...] = (
    anomalies.section,
    timeline.section,
    scores.section,
    what_if.section,
    labels.section,
    curves.section,
    drift.section,
    training.section,
    accounting.section,
    lineage.section,
)
"""The sections from top to bottom, in the order an analyst asks: how many alerts, are they false, why, can I trust it.

Those that the modality of the rows adds come in between. A section that does not apply to a table returns None and is
left out.
"""


@dataclass(frozen=True)
class ReportView:
    """The contents of the page: its title and its sections, from top to bottom."""

    manifest: ScoredManifest
    verdict: Verdict
    sections: tuple[PageSection, ...]


def gather(table: ScoredTable, model: ModelVersion | None = None) -> ReportView:
    """Read a judged table and its model version into a view; memory does not grow with the rows.

    Raises:
        ArtifactError: a file is missing or malformed, or the files contradict each other.
    """
    source = ReportSource.of(table, model)
    made = (section(source) for section in _sections(source))
    return ReportView(source.manifest, source.verdict, tuple(section for section in made if section))


def _sections(source: ReportSource) -> Iterator[MakeSection]:
    yield from FIRST
    for module in modality_of(source.about.contract.modality).report_sections:
        yield import_module(module).section
    yield from REST

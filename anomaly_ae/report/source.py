"""What every section of the page is made from: a judged table and its model version, read once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anomaly_ae.errors import ArtifactError
from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.evaluation.proportions import Rate
from anomaly_ae.monitoring.profile import Profile
from anomaly_ae.monitoring.validity import Validity
from anomaly_ae.report.tally import Tally, count_scores
from anomaly_ae.report.verdict import Verdict, describe
from anomaly_ae.storage.locations import Location
from anomaly_ae.stories.grouping import Story
from anomaly_ae.threshold import Calibration
from anomaly_ae.workspace.description import ModelDescription
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredManifest, ScoredTable
from anomaly_ae.workspace.top_rows import TOP_ROWS, TopRows
from anomaly_ae.workspace.workspace import Workspace

_WARNED_ROWS = 100
"""Rows shown, of those that only the warn threshold flags."""

_ROWS_BELOW_THRESHOLD = 10
"""Rows shown for orientation when none is above the threshold."""


@dataclass(frozen=True)
class ReportSource:
    """What sections are made from.

    Attributes:
        table: the scored table, with what was judged of it.
        model: the version that scored it.
        calibration: the threshold that was used; another one may have been put in force since.
        tally: counts of scores by kind of row.
        verdict: what was found of the alerts, in words.
    """

    table: ScoredTable
    model: ModelVersion
    calibration: Calibration
    tally: Tally
    verdict: Verdict

    @classmethod
    def of(cls, table: ScoredTable, model: ModelVersion | None = None) -> Self:
        """Read a judged table and its model version; memory does not grow with the rows.

        Args:
            table: the scored table.
            model: the version that scored it; default: the one of its workspace.

        Raises:
            ArtifactError: a file is missing or malformed, or the files contradict each other.
        """
        manifest = table.manifest
        model = model or Workspace.holding(table.directory).model(manifest.model_version)
        _refuse_other_model(model, table)
        calibration = model.calibration_of(manifest.calibration_id)
        tally = count_scores(table.parts)
        _refuse_contradiction(tally, table)
        scored = Rate.of(manifest.alerts, manifest.rows_scored)
        verdict = describe(scored, manifest.rows_rejected, calibration, table.validity)
        return cls(table, model, calibration, tally, verdict)

    @property
    def manifest(self) -> ScoredManifest:
        """What the stage that scored recorded."""
        return self.table.manifest

    @property
    def about(self) -> ModelDescription:
        """What the model version says of itself."""
        return self.model.description

    @property
    def parts(self) -> tuple[Location, ...]:
        """The Parquet files of the scored table, in order."""
        return self.table.parts

    @property
    def profile(self) -> Profile:
        """What the columns held among the train rows; no column where the model version does not say."""
        return self.model.profile

    @property
    def validation(self) -> NDArray[np.float64]:
        """The scores of the normal validation rows, ascending."""
        return self.model.validation_scores

    @cached_property
    def validity(self) -> Validity | None:
        """Whether the threshold can still be trusted; None where that was not judged."""
        return self.table.validity

    @cached_property
    def metrics(self) -> Metrics | None:
        """Precision, recall and the rest; None without labels."""
        return self.table.metrics

    @cached_property
    def stories(self) -> tuple[Story, ...]:
        """The alerts, grouped by their reasons."""
        return self.table.stories

    @cached_property
    def top(self) -> TopRows:
        """The rows that the table of anomalies shows, highest score first."""
        top = self.table.top_rows or TopRows.find(self.table.parts)
        return top.first(min(TOP_ROWS, self.manifest.alerts + _WARNED_ROWS)).worth_showing(_ROWS_BELOW_THRESHOLD)


def _refuse_other_model(model: ModelVersion, table: ScoredTable) -> None:
    scored_by = table.manifest.model_version
    if model.version != scored_by:
        msg = (
            f"{table.directory} was scored by model version {scored_by}, but {model.directory} is {model.version}; "
            "name the one that scored it"
        )
        raise ArtifactError(msg)


def _refuse_contradiction(tally: Tally, table: ScoredTable) -> None:
    rows, alerts = tally.total(), tally.total(lambda group: group.is_anomaly)
    manifest = table.manifest
    if (rows, alerts) != (manifest.rows_scored, manifest.alerts):
        msg = (
            f"{table.directory} holds {rows} rows with {alerts} alerts, but its manifest says {manifest.rows_scored} "
            f"with {manifest.alerts}: a part is missing or altered; score the source again"
        )
        raise ArtifactError(msg)

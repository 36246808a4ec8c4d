"""Score: a dataset and a model version in, a scored table out, one part per dataset part, in bounded memory."""

from dataclasses import dataclass
from typing import Any

from anomaly_ae.stages.publish_scored import publish_scored, scored_directory
from anomaly_ae.stages.score_part import score_part
from anomaly_ae.storage import open_staging, removed_on_failure
from anomaly_ae.storage.locations import Location
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredTable
from anomaly_ae.workspace.workspace import Workspace

_COUNTS = ("rows_in", "rows_scored", "rows_rejected", "alerts", "threshold", "target_fpr", "promise")


@dataclass(frozen=True)
class ScoreResult:
    """What scoring made.

    Attributes:
        table: the scored table.
        reused: it existed already, made from the same rows, model and threshold.
    """

    table: ScoredTable
    reused: bool

    @property
    def directory(self) -> Location:
        """Where the table is."""
        return self.table.directory

    @property
    def rows_in(self) -> int:
        """Rows of the source; always rows_scored + rows_rejected."""
        return self.table.manifest.rows_in

    @property
    def rows_scored(self) -> int:
        """Rows of the scored table."""
        return self.table.manifest.rows_scored

    @property
    def rows_rejected(self) -> int:
        """Rows of `rejected.parquet`."""
        return self.table.manifest.rows_rejected

    @property
    def alerts(self) -> int:
        """Rows above the threshold."""
        return self.table.manifest.alerts

    @property
    def threshold(self) -> float:
        """The cut on the anomaly score."""
        return self.table.manifest.threshold

    def facts(self) -> dict[str, Any]:
        """Return what was made as JSON values."""
        counts = self.table.manifest.model_dump(mode="json", include=set(_COUNTS))
        return {"directory": str(self.directory), **{name: counts[name] for name in _COUNTS}, "reused": self.reused}


def score(dataset: Dataset, model: ModelVersion, workspace: Workspace, run_id: str | None = None) -> ScoreResult:
    """Score every row of a dataset and publish the scored table.

    Args:
        dataset: rows under the model's contract.
        model: the version that scores.
        workspace: receives the scored table.
        run_id: names this run in the manifest; default: a new one.

    Raises:
        ArtifactError: dataset or model are incomplete or altered, or do not fit each other.
        StorageError: the disk is full, or the workspace is read-only or not ours to write to.
    """
    target = scored_directory(dataset, model, workspace)
    if (known := ScoredTable.find(target)) is not None:
        return ScoreResult(known, reused=True)
    with removed_on_failure(open_staging(target)) as staging:
        alerts = [score_part(part, dataset, model, staging.path) for part in dataset.parts]
        return ScoreResult(publish_scored(staging, dataset, model, sum(alerts), run_id), reused=False)

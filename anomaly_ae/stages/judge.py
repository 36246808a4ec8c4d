"""Judge: everything that is known about a scored table is computed once and stored beside its rows."""

from dataclasses import dataclass
from typing import Any

from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.monitoring.validity import Validity
from anomaly_ae.stages.evaluate import evaluate
from anomaly_ae.stages.monitor import monitor
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredTable
from anomaly_ae.workspace.top_rows import TopRows
from anomaly_ae.workspace.workspace import Workspace


@dataclass(frozen=True)
class JudgeResult:
    """What was judged of a scored table.

    Attributes:
        validity: whether the threshold can still be trusted on these rows; None where the model version was removed.
        metrics: precision, recall and the rest; None without labels.
    """

    validity: Validity | None
    metrics: Metrics | None

    def facts(self) -> dict[str, Any]:
        """Return what was judged as JSON values."""
        return {
            "validity": self.validity and self.validity.model_dump(mode="json"),
            "metrics": self.metrics and self.metrics.model_dump(mode="json"),
        }


def judge(table: ScoredTable, model: ModelVersion | None = None) -> JudgeResult:
    """Judge a scored table: `validity.json`, `metrics.json` and `top_rows.json` appear beside its rows.

    Args:
        table: the scored table.
        model: the version that scored it; default: the one of its workspace. It may lie elsewhere.

    Raises:
        ArtifactError: a file is missing or altered, or the dataset no longer fits the scored table.
    """
    model = model or Workspace.holding(table.directory).find_model(table.manifest.model_version)
    validity = monitor(table, model) if model else None
    metrics = evaluate(table)
    table.write_top_rows(TopRows.find(table.parts))
    return JudgeResult(validity, metrics)

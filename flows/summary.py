"""What a run leaves in Prefect's own pages: a markdown summary and a table of the top anomalies."""

from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from anomaly_ae.report.tally import scan
from anomaly_ae.report.top_rows import TopRow, read_top_rows

TOP = 20
METRICS = ("precision", "recall", "f1", "average_precision", "roc_auc", "false_alarm_rate")


def publish_summary(scored: dict[str, Any], metrics: dict[str, Any] | None, page: str) -> None:
    """Create both artifacts for a scored table.

    Args:
        scored: result of the scoring step, as JSON.
        metrics: of the labelled rows, or None.
        page: path of the HTML report.
    """
    create_markdown_artifact(summarise(scored, metrics, page), key="anomaly-ae-summary", description="What was found")
    create_table_artifact(top_anomalies(Path(scored["directory"])), key="anomaly-ae-top", description="Top anomalies")


def summarise(scored: dict[str, Any], metrics: dict[str, Any] | None, page: str) -> str:
    """Return the run's counts, metrics and paths as Markdown."""
    rows = {
        "rows in": scored["rows_in"],
        "rows scored": scored["rows_scored"],
        "rows rejected": scored["rows_rejected"],
        "alerts": scored["alerts"],
        "threshold": f"{scored['threshold']:.6g}",
        "promised false-alarm rate": f"{scored['target_fpr']:g}",
    }
    if metrics:
        rows |= {name: "undefined" if metrics[name] is None else f"{metrics[name]:.3f}" for name in METRICS}
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"| | |\n|---|---|\n{table}\n\nScored table: `{scored['directory']}`\n\nReport: `{page}`\n"


def top_anomalies(scored: Path) -> list[dict[str, Any]]:
    """Return the rows with the highest scores, with their first reason."""
    parts = sorted(scored.glob("part-*.parquet"))
    top = read_top_rows(parts, scan(parts, TOP).top)
    return [_as_row(row) for row in top.rows]


def _as_row(row: TopRow) -> dict[str, Any]:
    reason = row.reasons[0] if row.reasons else None
    told = f"{reason.feature}: {reason.value}, expected {reason.expected}" if reason else ""
    return {"row": row.row_id, "score": row.score, "p-value": row.p_value, "first reason": told}

"""What a run leaves in Prefect's own pages: a markdown summary, a table of the top anomalies, a link to the report."""

import re
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.evaluation.summary import summarise as metric_lines
from anomaly_ae.monitoring.validity import Validity
from anomaly_ae.stages.pipeline import Run, require
from anomaly_ae.stories.grouping import Story
from anomaly_ae.workspace.scored_table import ScoredTable
from anomaly_ae.workspace.top_rows import ShownReason, TopRow

TOP = 20


def publish_summary(done: Run) -> None:
    """Create the artifacts of a run that scored: what was found, the top anomalies, and a link to the report."""
    scored, judged = require(done.scored), require(done.judged)
    link = scored.table.report.absolute().as_uri()
    found = summarise(scored.facts(), judged.validity, scored.table.stories, judged.metrics, link)
    create_markdown_artifact(found, key="anomaly-ae-summary", description="What was found")
    create_table_artifact(top_anomalies(scored.table), key="anomaly-ae-top", description="Top anomalies")
    create_link_artifact(link, link_text="Report", key="anomaly-ae-report", description="The HTML report")


def summarise(
    scored: dict[str, Any],
    validity: Validity | None,
    stories: tuple[Story, ...],
    metrics: Metrics | None,
    link: str,
) -> str:
    """Return verdict, counts, stories, metrics and paths of a run as Markdown."""
    sections = {
        "Threshold": [f"{validity.verdict}: {validity.meaning}"] if validity else [],
        "Stories": [story.headline for story in stories],
        "Metrics": metric_lines(metrics) if metrics else [],
    }
    lists = [_list(title, lines) for title, lines in sections.items() if lines]
    paths = f"Scored table: `{scored['directory']}`\n\n[Report]({link})\n"
    return "\n".join([_headline(scored), _counts(scored), *lists, paths])


def top_anomalies(table: ScoredTable) -> list[dict[str, Any]]:
    """Return the rows with the highest scores, with their reasons."""
    rows = table.top_rows
    return [_as_row(row) for row in rows.first(TOP).rows] if rows else []


def _headline(scored: dict[str, Any]) -> str:
    return f"# {scored['alerts']} of {scored['rows_scored']} rows are above the threshold\n\n{scored['promise']}\n"


def _counts(scored: dict[str, Any]) -> str:
    names = ("rows_in", "rows_scored", "rows_rejected", "alerts", "threshold")
    rows = [f"| {name.replace('_', ' ')} | {_number(scored[name])} |" for name in names]
    return "\n".join(["| | |", "|---|---|", *rows, ""])


def _number(value: float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _list(title: str, lines: list[str]) -> str:
    return "\n".join([f"## {title}", *(f"- {_plain(line)}" for line in lines), ""])


def _plain(text: str) -> str:
    """Take the meaning from Markdown's and HTML's signs: column names and cells are whatever the source held."""
    return re.sub(r"([\\`*_{}\[\]#|<>&!~])", r"\\\1", " ".join(text.split()))


def _as_row(row: TopRow) -> dict[str, Any]:
    return {
        "row": row.row_id,
        "score": row.score,
        "p-value": row.p_value,
        "reasons": "; ".join(_as_text(reason) for reason in row.reasons),
    }


def _as_text(reason: ShownReason) -> str:
    share = "" if reason.share is None else f" ({reason.share:.0%} of the score)"
    return f"{reason.feature}: {reason.value}, expected {reason.expected}{share}"

"""The table of anomalies, and the detail of each row: features, normal ranges, neighbours in time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from anomaly_ae.monitoring.profile import CategoriesProfile, HoursProfile, NumericProfile, Profile
from anomaly_ae.report.charts import ALERT, INK, PLAIN, QUIET, Chart, chart, layer
from anomaly_ae.report.details import Values, cell, read_values
from anomaly_ae.report.neighbours import Neighbours, read_neighbours
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.sections.timeline import TIME, TIME_AXIS
from anomaly_ae.report.source import ReportSource
from anomaly_ae.report.timeline import time_column
from anomaly_ae.report.wording import clip
from anomaly_ae.spec import Role
from anomaly_ae.stories.grouping import Story
from anomaly_ae.workspace.top_rows import TopRow, TopRows

_CLIP_ID = 400
_CLIP_STORY = 120
_SHOWN_CATEGORIES = 3


@dataclass(frozen=True)
class Anomalies:
    """The table of anomalies.

    Attributes:
        story_of: index of each row's story, or -1.
        filters: columns that rows can be filtered by, with their values.
        has_labels: whether any row of the table has a label.
        alerts: number of alerts in the whole table.
        warned: number of rows shown that are above the warn threshold but are no alerts.
    """

    top: TopRows
    stories: tuple[Story, ...]
    story_of: tuple[int, ...]
    filters: dict[str, tuple[str, ...]]
    has_labels: bool
    alerts: int
    warned: int


def section(source: ReportSource) -> PageSection:
    """Return the table of the highest scores with their details; it is empty if no row was scored."""
    top = source.top
    values = read_values(source.table.dataset_parts(), source.about.contract, top.rows)
    story_of = _stories_of(source.stories, top.rows)
    content = Anomalies(
        top=top,
        stories=source.stories,
        story_of=story_of,
        filters=_filters(top.rows),
        has_labels=bool(source.metrics) or any(row.label is not None for row in top.rows),
        alerts=source.manifest.alerts,
        warned=sum(row.level == "warn" for row in top.rows),
    )
    data = {
        "rows": {
            "identity": list(top.identity_columns),
            "stories": [clip(story.name, _CLIP_STORY) for story in source.stories],
            "columns": _columns(values, source.profile),
            "rows": _rows(top.rows, story_of, values, _neighbours(source)),
            "leftOut": values.left_out if values else 0,
            "context": _context_chart(),
        }
    }
    return PageSection("anomalies", "Anomalies", content, data=data)


def _stories_of(stories: tuple[Story, ...], rows: Sequence[TopRow]) -> tuple[int, ...]:
    """Return the index of each row's story, or -1."""
    numbers = {story.name: number for number, story in enumerate(stories)}
    return tuple(numbers.get(row.story or "", -1) for row in rows)


def _filters(rows: Sequence[TopRow]) -> dict[str, tuple[str, ...]]:
    """Return the columns that rows can be filtered by: those with more than one value."""
    labels = {True: "anomaly", False: "normal", None: "none"}
    held = {
        "label": {labels[row.label] for row in rows},
        "level": {row.level or "none" for row in rows},
        "segment": {row.segment or "all rows" for row in rows},
    }
    return {name: tuple(sorted(values)) for name, values in held.items() if len(values) > 1}


def _neighbours(source: ReportSource) -> tuple[Neighbours, ...]:
    time = time_column(source.parts[0]) if source.top.rows else None
    if time is None:
        return ()
    entity = source.about.contract.named(Role.ENTITY)
    return read_neighbours(source.parts, [row.place for row in source.top.rows], time, entity)


def _rows(
    rows: Sequence[TopRow], story_of: Sequence[int], values: Values | None, neighbours: tuple[Neighbours, ...]
) -> list[dict[str, Any]]:
    """Return the rows as the page's script reads them."""
    return [
        {
            "id": row.row_id if len(row.row_id) <= _CLIP_ID else None,
            "file": row.source_file if len(row.source_file) <= _CLIP_ID else None,
            "row": row.source_row,
            "names": [cell(name) for name in row.identity],
            "score": row.score,
            "threshold": row.threshold,
            "p": row.p_value,
            "alert": row.is_anomaly,
            "label": row.label,
            "level": row.level,
            "segment": cell(row.segment),
            "story": story_of[number],
            "reasons": [
                (cell(reason.feature), cell(reason.value), cell(reason.expected), reason.share)
                for reason in row.reasons
            ],
            "values": values.rows[number] if values else (),
            "time": neighbours[number].time if neighbours else None,
            "near": neighbours[number].points if neighbours else (),
        }
        for number, row in enumerate(rows)
    ]


def _columns(values: Values | None, profile: Profile) -> list[dict[str, Any]]:
    """Return each feature column with its normal range, or its most frequent categories."""
    if values is None:
        return []
    profiles = {column.name: column for column in profile.columns}
    return [{"name": name, **_normal(profiles.get(name))} for name in values.columns]


def _normal(profile: NumericProfile | CategoriesProfile | HoursProfile | None) -> dict[str, Any]:
    if isinstance(profile, NumericProfile) and profile.low is not None:
        return {"low": profile.low, "median": profile.median, "high": profile.high}
    if isinstance(profile, CategoriesProfile):
        total = max(1, sum(profile.counts))
        pairs = zip(profile.categories[:_SHOWN_CATEGORIES], profile.counts, strict=False)
        return {"categories": [[cell(category), round(rows / total, 4)] for category, rows in pairs]}
    return {}


def _context_chart() -> Chart:
    """Return the chart of a row among its neighbours in time; the page's script fills in `near`, `self` and `cut`."""
    x = {**TIME, "axis": {**TIME_AXIS, "tickCount": 4}}
    y = {"field": "score", "type": "quantitative", "scale": {"type": "symlog", "domainMin": 0}}
    axis = {"tickCount": 3, "labelExpr": PLAIN, "title": "score, logarithmic"}
    near, itself, cut = {"name": "near"}, {"name": "self"}, {"name": "cut"}
    style = {"filled": True, "opacity": 1, "tooltip": True}
    layers = [
        {**layer([], "line", {"x": x, "y": {**y, "axis": axis}}, color=QUIET, strokeWidth=1), "data": near},
        {**layer([], "point", {"x": x, "y": y}, color=QUIET, size=16, **style), "data": near},
        {**layer([], "rule", {"y": y}, color=INK, strokeDash=[4, 3]), "data": cut},
        {**layer([], "point", {"x": x, "y": y}, color=ALERT, size=70, **style), "data": itself},
    ]
    return chart("Scores before and after this row", layers, height=120)

"""A section of the page: what one module gathers, and the template of the same name shows."""

from dataclasses import dataclass, field
from typing import Any

from anomaly_ae.report.charts import Chart


@dataclass(frozen=True)
class PageSection:
    """One section.

    Attributes:
        name: its id in the page; `templates/<name>.html.j2` shows it.
        title: what the navigation calls it.
        content: what the template reads, as `content`.
        charts: Vega-Lite specifications by the id of the element that shows each.
        data: what the page's script reads, by the id of the JSON element that holds it.
    """

    name: str
    title: str
    content: Any = None
    charts: dict[str, Chart] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)

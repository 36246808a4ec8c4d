"""A section of the page: gathered by one module, shown by the template of the same name."""

from dataclasses import dataclass, field
from typing import Any

from anomaly_ae.report.charts import Chart


@dataclass(frozen=True)
class PageSection:
    """One section of the page.

    Attributes:
        name: its id in the page; the template is `templates/<name>.html.j2`.
        title: its title in the navigation.
        content: passed to the template as `content`.
        charts: Vega-Lite specifications by element id.
        data: JSON data for the page's script by element id.
    """

    name: str
    title: str
    content: Any = None
    charts: dict[str, Chart] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)

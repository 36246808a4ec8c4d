"""The page: one self-contained HTML file with its styles, scripts, charts and chart engine; it needs no network.

Text from the data is escaped by the template and never becomes markup. A content security policy allows only the two
scripts written here, by their hashes, and no connections at all. Charts are drawn by Vega-Embed with its expression
interpreter, so the policy does not have to allow `eval`.
"""

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from anomaly_ae.report import wording
from anomaly_ae.report.view import ReportView

_STYLES = ("page", "verdict", "sections", "anomalies", "gallery", "narrow", "print")
_SCRIPTS = ("charts", "what_if", "rows", "query", "export", "detail", "table", "gallery")
"""In order of concatenation: later scripts use what earlier ones define."""


def render_page(view: ReportView) -> str:
    """Return the page as HTML text."""
    engine, script = _chart_engine(), _joined("scripts", _SCRIPTS, "js")
    charts = {name: chart for section in view.sections for name, chart in section.charts.items()}
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            view=view,
            charts=charts,
            data={"charts": charts}
            | {name: value for section in view.sections for name, value in section.data.items()},
            style=Markup(_joined("styles", _STYLES, "css")),  # noqa: S704 - our own files
            engine=Markup(engine),  # noqa: S704 - the library's own code; a test compares its hash
            script=Markup(script),  # noqa: S704 - our own files
            hashes=[_hash(engine), _hash(script)],
        )
    )


@cache
def _chart_engine() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one inline script, about 0.8 MB."""
    return files(__package__).joinpath("vendor", "vega.min.js").read_text(encoding="utf-8")


@cache
def _joined(folder: str, names: tuple[str, ...], ending: str) -> str:
    directory = files(__package__).joinpath(folder)
    return "\n".join(directory.joinpath(f"{name}.{ending}").read_text(encoding="utf-8") for name in names)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("anomaly_ae.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # |tojson escapes <, >, & and '; ASCII output escapes U+2028; NaN is not valid JSON and is refused.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "ensure_ascii": True, "separators": (",", ":")}
    for name in wording.FILTERS:
        environment.filters[name] = getattr(wording, name)
    environment.filters["pretty_json"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    return environment


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"

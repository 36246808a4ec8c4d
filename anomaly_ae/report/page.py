"""The page: one HTML file that holds its style, its script, its charts and their engine, and asks no network.

Text from the data is escaped by the template and never becomes markup; a content security policy allows exactly the
two scripts written here, by their hashes, and no connection at all. Charts are drawn by Vega-Embed with its
expression interpreter, so the policy need not allow `eval`.
"""

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from anomaly_ae.report import wording
from anomaly_ae.report.charts import LABEL_NAMES, draw_charts
from anomaly_ae.report.view import ReportView

TEMPLATE = "page.html.j2"


def render_page(view: ReportView) -> str:
    """Return the whole page as HTML text."""
    engine, script = _chart_engine(), _resource("page.js")
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            view=view,
            charts=draw_charts(view),
            style=Markup(_resource("page.css")),  # noqa: S704 - our own file
            engine=Markup(engine),  # noqa: S704 - the library's own code, checked by _chart_engine
            script=Markup(script),  # noqa: S704 - our own file
            hashes=[_hash(engine), _hash(script)],
            label_names=LABEL_NAMES,
        )
    )


@cache
def _chart_engine() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one inline script, about 0.9 MB."""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # Inside a script element these two would be read as markup; within JavaScript strings the backslash is harmless.
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--").replace("\r", "")


@cache
def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("anomaly_ae", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # |tojson escapes <, >, & and '; ASCII output escapes U+2028; NaN is no JSON and is refused.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "ensure_ascii": True, "separators": (",", ":")}
    for name in ("count", "rows", "number", "percent", "ratio", "interval", "moment", "visible", "clip", "hover"):
        environment.filters[name] = getattr(wording, name)
    environment.filters["pretty_json"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    return environment


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"

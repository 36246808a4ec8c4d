"""The page: its numbers are those of the files, its text is text, and it asks nothing of a network."""

import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import altair as alt
import numpy as np
import pytest

from anomaly_ae.report.page import render_page
from anomaly_ae.report.source import TOP_ROWS
from anomaly_ae.report.view import gather
from anomaly_ae.report.wording import share

VOID = {"meta", "link", "input", "br", "img"}
HOSTILE = (
    "\"'><script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>"
    "\u2028\u202e\x00</script><!-- {{ 7 * 7 }} {% raw %} & ]]> "
)


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the text in each element with an id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.open: list[tuple[str, str | None]] = []
        self.scripts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs).get("id")))
        if tag == "script":
            self.scripts.append("")
        if tag in ("td", "th", "dt", "dd", "small", "p"):
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        """Close an element; one left open would be a mistake of the template."""
        opened, _ = self.open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data: str) -> None:
        """Add text to all named elements around it."""
        if self.open and self.open[-1][0] == "script":
            self.scripts[-1] += data
            return
        for _, name in self.open:
            if name:
                self.texts[name] = self.texts.get(name, "") + data

    def text(self, name: str) -> str:
        """Return the text of the element with this id, with single spaces."""
        return " ".join(self.texts[name].split())

    def data(self, name: str) -> Any:
        """Return the JSON that lies in the page under this id."""
        ids = [attributes.get("id") for tag, attributes in self.elements if tag == "script"]
        return json.loads(self.scripts[ids.index(name)])

    @property
    def charts(self) -> dict[str, Any]:
        """Return the charts that lie in the page."""
        found: dict[str, Any] = self.data("charts")
        return found


@pytest.fixture
def render(publish_run: Callable[..., Any]) -> Callable[..., Page]:
    """Return a function that publishes a run and parses the page about it."""

    def render_described(**described: Any) -> Page:
        published = publish_run(**described)
        return Page(render_page(gather(published.table)))

    return render_described


@pytest.fixture
def labelled() -> dict[str, Any]:
    """Describe 1,000 train rows and 1,000 test rows, of which 50 are anomalies and 40 of these found."""
    normal, false_alarms, found, missed = np.full(942, 2.0), np.full(8, 11.0), np.full(40, 50.0), np.full(10, 5.0)
    return {
        "scores": np.concatenate([np.full(1000, 1.0), normal, false_alarms, found, missed]),
        "labels": [False] * 1950 + [True] * 50,
        "splits": ["train"] * 1000 + ["test"] * 1000,
        "machines": [f"press-{row % 7}" for row in range(2000)],
        "rejected": {"cell does not parse": 31, "too many cells": 4},
    }


def test_the_page_says_the_numbers_of_its_files(render: Callable[..., Page], labelled: dict[str, Any]) -> None:
    """Alerts, rates, metrics, confusion and accounting are those of manifest and metrics."""
    page = render(**labelled)

    assert "How many alerts? 48 alerts in 2,000 rows: 2.4% of rows" in page.text("verdict")
    assert "How many are false? 8 of 48 alerts on test rows are false: 16.7%" in page.text("verdict")
    assert "at most 1% of normal rows" in page.text("verdict")
    assert "8 raised a false alarm: 0.84%" in page.text("verdict")
    assert "Precision 83.3%" in page.text("labels")
    assert "Recall 80%" in page.text("labels")
    assert "F1 0.816" in page.text("labels")
    assert "Average precision 0.875" in page.text("labels")
    assert "ROC AUC 0.938" in page.text("labels")
    assert "anomaly 40 found 10 missed normal 8 false alarms 942 left alone" in page.text("labels")
    assert "2,035 rows in = 2,000 scored + 35 rejected" in page.text("accounting")
    assert "cell does not parse 31" in page.text("accounting")
    assert "9f2c4a17b0d35e68" in page.text("lineage")


def test_sections_come_in_the_order_an_analyst_asks(render: Callable[..., Page], labelled: dict[str, Any]) -> None:
    """The verdict is first, then the stories and their rows, what may be wrong with them, and the books."""
    page = render(**labelled)

    sections = [attributes["id"] for tag, attributes in page.elements if tag == "section"]
    assert sections == [
        "verdict", "stories", "anomalies", "scores", "what_if", "labels", "curves", "drift", "training", "accounting",
        "lineage",
    ]  # fmt: skip


def test_the_table_holds_the_alerts_with_their_reasons(render: Callable[..., Page], labelled: dict[str, Any]) -> None:
    """Each alert is a row: its names, score, label, and per feature what was seen, expected, and its share."""
    page = render(**labelled)

    rows = sum(1 for tag, attributes in page.elements if tag == "th" and attributes.get("scope") == "row")
    assert rows >= 48
    first = page.text("anomaly-table").split("day.csv:")[1]
    assert first.startswith("1951 press-4 50.00 5.0 × threshold 0.0010 anomaly")  # noqa: RUF001 - the sign on the page
    assert "pressure 9.81 expected 4.20 60%" in first
    assert "flow missing expected 12.5 10%" in first


def test_reasons_that_say_little_are_left_to_the_detail(render: Callable[..., Page]) -> None:
    """A contribution of 0.2 % of the score is not in the table, but in the data of the row's detail."""
    page = render(scores=[20.0], reasons=(("pressure", "1", "2", 0.998), ("flow", "3", "4", 0.002)))

    assert "flow" not in page.text("anomaly-table")
    assert [reason[0] for reason in page.data("rows")["rows"][0]["reasons"]] == ["pressure", "flow"]


def test_a_small_share_is_not_called_nothing() -> None:
    """0.2 % of a score is less than 1 %, not 0 %; nothing is 0 %."""
    assert [share(part) for part in (0.002, 0.0, 0.006, 0.998)] == ["<1%", "0%", "1%", "100%"]


def test_charts_follow_the_schema_of_their_library(render: Callable[..., Page], labelled: dict[str, Any]) -> None:
    """Vega-Lite's own schema accepts every chart, and every chart has its place in the page."""
    page = render(**labelled)

    places = {attributes.get("id") for _, attributes in page.elements}
    assert set(page.charts) == {
        "chart-promise", "chart-scores-0", "chart-scores-1", "chart-precision-recall", "chart-roc", "chart-training",
    }  # fmt: skip
    assert set(page.charts) <= places
    for chart in page.charts.values():
        alt.Chart.from_dict(chart, validate=True)


def test_the_page_loads_nothing_and_may_load_nothing(render: Callable[..., Page], labelled: dict[str, Any]) -> None:
    """No element names a resource elsewhere, and the policy in the page forbids every connection."""
    page = render(**labelled)

    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,")), (tag, attributes)
    styles = "".join(re.findall(r"<style>(.*?)</style>", page.html, re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles
    policy = next(attributes["content"] for _, attributes in page.elements if "http-equiv" in attributes) or ""
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split(";")[1]
    assert '"url"' not in json.dumps(page.charts), "charts carry their own data"
    assert "sourceMappingURL" not in page.html


def test_the_chart_engine_has_its_recorded_hash(render: Callable[..., Page]) -> None:
    """The vendored engine is the recorded one, is safe inside a script element, and is in the page unchanged."""
    vendor = files("anomaly_ae.report").joinpath("vendor")
    engine = vendor.joinpath("vega.min.js").read_bytes()
    recorded, name = vendor.joinpath("vega.min.js.sha256").read_text(encoding="ascii").split()

    assert name == "vega.min.js"
    assert hashlib.sha256(engine).hexdigest() == recorded
    assert [text for text in (b"</script", b"<!--", b"\r", b"\0") if text in engine.lower()] == []
    assert engine.decode() in render(scores=[1.0, 20.0]).scripts
    versions, _, _ = engine.decode().splitlines()[1].partition(", concatenated")
    assert f"Versions: {versions}." in vendor.joinpath("README.md").read_text(encoding="utf-8")


def test_hostile_text_stays_text(render: Callable[..., Page]) -> None:
    """Markup in cells, column names, reasons, rejects and the spec adds no element and no script."""
    calm = render_kinds(render(**hostile_run("plain")))
    page = render(**hostile_run(HOSTILE))

    assert render_kinds(page) == calm
    assert "\x00" not in page.html
    assert "\u202e" in page.html
    assert "{{ 7 * 7 }}" in page.text("lineage")
    assert all(not name.startswith("on") for _, attributes in page.elements for name in attributes)


def hostile_run(text: str) -> dict[str, Any]:
    """Describe a run in which every free text is `text`."""
    return {
        "scores": np.full(30, 20.0),
        "row_ids": [f"{text}{row}" for row in range(30)],
        "machines": [text] * 30,
        "machine_column": text,
        "reasons": ((text, text, text, 0.7), (text, None, text, 0.3)),
        "rejected": {text: 3},
        "model": {
            "spec": {"data": {"source": text, "ignore": [text]}},
            "libraries": {text: text},
            "data": {text: text},
        },
        "model_manifest": {"trained_at": text},
        "manifest": {"source": text, "dataset": text, "run_id": text, "scored_at": text, "model_name": text},
    }


def render_kinds(page: Page) -> list[str]:
    """List the elements of a page, but for those that isolate or clip text."""
    return [tag for tag, _ in page.elements if tag not in ("bdi", "small")]


def test_long_cells_are_clipped(render: Callable[..., Page]) -> None:
    """A cell of 20,000 characters shows its beginning, keeps a little more in its tooltip, and the page stays small."""
    long = "x" * 20_000
    page = render(scores=np.full(300, 20.0), reasons=((long, long, long, 1.0),), row_ids=[long] * 300)

    assert f"{'x' * 47}…" in page.text("anomalies")
    assert "x" * 401 not in page.html
    assert len(page.html.encode()) < 5_000_000


EDGE_CASES: dict[str, dict[str, Any]] = {
    "no alerts": {"scores": np.full(500, 0.5)},
    "all rejected": {"scores": [], "rejected": {"cell does not parse": 1234}},
    "no rows at all": {"scores": []},
    "no part": {"scores": [], "parts": 0},
    "one row": {"scores": [12.0]},
    "one quiet row": {"scores": [2.0]},
    "only normal labels": {"scores": np.linspace(1, 20, 300), "labels": [False] * 300},
    "only anomaly labels": {"scores": np.linspace(1, 20, 300), "labels": [True] * 300},
    "some labels": {"scores": np.linspace(1, 20, 300), "labels": [None, True, False] * 100},
    "constant scores": {"scores": np.full(500, 10.0)},
    "zero scores": {"scores": np.zeros(500), "threshold": 0.0},
    "twelve orders": {"scores": 10.0 ** np.linspace(-6, 6, 4000), "threshold": 1e4},
    "untrained": {"scores": [1.0, 20.0], "history": ()},
    "no reasons": {"scores": [1.0, 20.0], "reasons": ()},
    "train rows only": {"scores": [1.0, 20.0], "splits": ["train", "train"]},
}


@pytest.mark.parametrize("case", EDGE_CASES.values(), ids=EDGE_CASES.keys())
def test_every_edge_case_renders(render: Callable[..., Page], case: dict[str, Any]) -> None:
    """Whatever the table is like, the page is whole, says its verdict, and has no NaN in it."""
    page = render(**case)

    assert page.open == []
    assert len(page.text("verdict-title")) > 5
    assert "nan" not in page.text("verdict").lower().split()
    for chart in page.charts.values():
        alt.Chart.from_dict(chart, validate=True)


def test_an_undefined_metric_says_why_and_is_never_zero(render: Callable[..., Page]) -> None:
    """Without an anomaly among the judged rows, recall is undefined, with the evaluation's own reason."""
    page = render(**EDGE_CASES["only normal labels"])

    assert "Recall undefined recall needs rows this test set lacks" in page.text("labels")
    assert "ROC AUC undefined" in page.text("labels")
    assert "curves" not in page.texts


def test_without_labels_no_metric_is_claimed(render: Callable[..., Page]) -> None:
    """No labels, no metrics, no curves, no label column."""
    page = render(scores=np.full(30, 20.0))

    assert "labels" not in page.texts
    assert "curves" not in page.texts
    assert "Label" not in page.text("anomaly-table")


def test_a_hundred_thousand_rows_make_a_small_page(render: Callable[..., Page]) -> None:
    """The page of 100,000 labelled rows shows the top 200 and stays under 5 MB."""
    rng = np.random.default_rng(2)
    scores = rng.lognormal(1, 1, 100_000)

    page = render(scores=scores, labels=(rng.random(100_000) < 0.1).tolist())

    assert len(page.html.encode()) < 5_000_000
    assert f"The {TOP_ROWS} highest scores of {(scores > 10).sum():,} alerts" in page.text("anomalies")


def test_the_same_inputs_give_the_same_page(publish_run: Callable[..., Any]) -> None:
    """A report holds nothing of the time or place it was written at."""
    published = publish_run(scores=np.linspace(1, 20, 50))

    pages = {render_page(gather(published.table)) for _ in range(2)}

    assert len(pages) == 1


def test_a_trait_says_nothing_twice(render: Callable[..., Page]) -> None:
    """A missing cell is told once, and a rare level is not held against itself."""
    lost, rare = (("flow", "missing where normally present", "12", 1.0),), (("line", "c", "c (1 %)", 1.0),)
    text = render(scores=[20.0] * 20, reasons_of=[lost] * 10 + [rare] * 10).text("stories")

    assert "flow missing where 12 is expected" in text
    assert "line unusual: typically c median" in text

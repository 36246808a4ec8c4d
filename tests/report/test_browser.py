"""The page in a real browser: drawn without an error, usable by mouse and keyboard, deaf to hostile text."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

HOSTILE = "\"'><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"></script><!--"


def complaints(browser: Any) -> list[str]:
    """Return everything the console was told."""
    return [entry["message"] for entry in browser.get_log("browser")]


def shown_scores(browser: Any) -> list[float]:
    """Return the scores of the rows in sight, from top to bottom."""
    cells = browser.find_elements(By.CSS_SELECTOR, "#anomaly-table tbody tr:not([hidden]) td[data-name=Score]")
    return [float(cell.get_attribute("data-sort")) for cell in cells]


@pytest.fixture
def alerts() -> dict[str, Any]:
    """Describe a labelled run with 40 alerts of different scores on seven machines."""
    scores = np.concatenate([np.linspace(0.1, 9, 960), np.linspace(11, 50, 40)])
    machines = [f"press-{row % 7}" for row in range(1000)]
    return {"scores": scores, "labels": [False] * 960 + [True] * 40, "machines": machines}


def test_all_charts_draw_without_a_word_in_the_console(visit: Callable[..., Any], alerts: dict[str, Any]) -> None:
    """Six charts are drawn as SVG, with marks in them, under the page's strict policy, and nothing is fetched."""
    browser = visit(**alerts)

    charts = browser.find_elements(By.CSS_SELECTOR, ".chart")
    marks = [len(chart.find_elements(By.CSS_SELECTOR, "svg [class*=mark-] path")) for chart in charts]

    assert complaints(browser) == []
    assert browser.execute_script("return performance.getEntriesByType('resource').map(({ name }) => name)") == []
    assert len(charts) == 6
    assert min(marks) > 0


def test_search_shows_the_rows_that_hold_every_word(visit: Callable[..., Any], alerts: dict[str, Any]) -> None:
    """Typing narrows the table and the count says so; clearing brings the rows back."""
    browser = visit(**alerts)
    search = browser.find_element(By.ID, "search")

    search.send_keys("PRESS-3 pressure")
    found = browser.find_elements(By.CSS_SELECTOR, "#anomaly-table tbody tr:not([hidden])")
    assert len(found) == 6
    assert all("press-3" in row.text for row in found)
    assert browser.find_element(By.ID, "shown").text == "6 of 40 shown"

    search.send_keys(Keys.CONTROL, "a")
    search.send_keys(Keys.DELETE)
    assert len(shown_scores(browser)) == 25


def test_columns_sort_by_keyboard_both_ways(visit: Callable[..., Any], alerts: dict[str, Any]) -> None:
    """Enter on a heading turns the order round, over all rows, and says which order it is."""
    browser = visit(**alerts)
    assert shown_scores(browser) == sorted(shown_scores(browser), reverse=True)
    heading = next(th for th in browser.find_elements(By.CSS_SELECTOR, "th.sortable") if "Score" in th.text)

    heading.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)

    assert heading.get_attribute("aria-sort") == "ascending"
    assert shown_scores(browser)[0] == 11
    assert shown_scores(browser) == sorted(shown_scores(browser))


def test_the_rest_of_the_rows_is_one_press_away(visit: Callable[..., Any], alerts: dict[str, Any]) -> None:
    """25 rows are shown first, all on request."""
    browser = visit(**alerts)
    assert len(shown_scores(browser)) == 25

    browser.find_element(By.ID, "show-all").send_keys(Keys.ENTER)

    assert len(shown_scores(browser)) == 40


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_window(visit: Callable[..., Any], alerts: dict[str, Any], width: int, scheme: str) -> None:
    """Nothing sticks out sideways on a phone or a screen, and text contrasts at least 4.5 to 1 with the ground."""
    times = [datetime(2026, 1, 1) + timedelta(hours=row) for row in range(1000)]  # noqa: DTZ001 - a naive column
    browser = visit(**alerts, times=times, features={"pressure": [1.0] * 1000}, validation=np.linspace(0, 12, 999))
    browser.find_element(By.CSS_SELECTOR, "button.open").send_keys(Keys.ENTER)
    scheme_feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme_feature)
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    names = ("--ink", "--soft", "--alert", "--calm")
    read = "return getComputedStyle(document.documentElement).getPropertyValue(arguments[0])"
    for ground in ("--paper", "--card"):
        for name in names:
            assert contrast(browser.execute_script(read, name), browser.execute_script(read, ground)) >= 4.5, name


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours as WCAG 2 defines it."""

    def luminance(color: str) -> float:
        parts = [int(color.strip()[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    bright, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_hostile_text_runs_nothing(visit: Callable[..., Any]) -> None:
    """Markup in cells, names and the spec stays text; the title is ours and the console silent."""
    rows = 30
    browser = visit(
        scores=np.full(rows, 20.0),
        row_ids=[f"{HOSTILE}{row}" for row in range(rows)],
        machines=[HOSTILE] * rows,
        machine_column=HOSTILE,
        features={HOSTILE: [HOSTILE] * rows},
        reasons=((HOSTILE, HOSTILE, HOSTILE, 1.0),),
        rejected={HOSTILE: 2},
        model={"spec": {"data": {"source": HOSTILE, "ignore": [HOSTILE]}}},
    )

    browser.find_element(By.CSS_SELECTOR, "button.open").send_keys(Keys.ENTER)
    assert HOSTILE[:20] in browser.find_element(By.CSS_SELECTOR, "tr.detail").text
    browser.find_element(By.CSS_SELECTOR, ".copies button").send_keys(Keys.ENTER)

    assert browser.title == "pumps: 30 alerts in 30 rows"
    assert browser.find_elements(By.TAG_NAME, "img") == []
    assert complaints(browser) == []


@pytest.mark.parametrize(
    "case",
    [
        {"scores": []},
        {"scores": [12.0]},
        {"scores": np.full(500, 10.0)},
        {"scores": np.zeros(20), "threshold": 0.0, "history": ()},
        {"scores": 10.0 ** np.linspace(-6, 6, 400), "threshold": 1e4},
    ],
    ids=["nothing scored", "one row", "constant scores", "zero scores", "twelve orders"],
)
def test_edge_cases_draw_in_silence(visit: Callable[..., Any], case: dict[str, Any]) -> None:
    """Degenerate tables draw what there is to draw without a warning."""
    assert complaints(visit(**case)) == []

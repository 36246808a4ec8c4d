"""The rows in a real browser: picked by story and label, opened, copied as queries, exported, tried at other cuts."""

import csv
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from report_support import Run, open_page, publish_in

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from anomaly_ae.stages.report import report

ROWS = 120
ALERTS = 12
FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", " =1", "\uff1d1", "-5.5", "plain"]


def described() -> dict[str, Any]:
    """Describe a labelled run with a time, machines, features and two stories among its twelve alerts."""
    scores = np.concatenate([np.linspace(0.1, 9, ROWS - ALERTS), np.linspace(11, 50, ALERTS)])
    hot = (("pressure", "9.81", "4.20", 0.9), ("site", "north", "south (60 %)", 0.1))
    lost = (("flow", "missing where normally present", "12.5", 1.0),)
    return {
        "scores": scores,
        "labels": [False] * (ROWS - ALERTS + 4) + [True] * (ALERTS - 4),
        "machines": [f"press-{row % 2}" for row in range(ROWS)],
        "row_ids": [f"job '{row}'" for row in range(ROWS)],
        "times": [datetime(2026, 1, 1) + timedelta(hours=row) for row in range(ROWS)],  # noqa: DTZ001 - a naive column
        "features": {"pressure": [float(row % 10) for row in range(ROWS - 1)] + [9.81], "site": ["south"] * ROWS},
        "reasons_of": [hot if row % 3 else lost for row in range(ROWS)],
        "validation": np.linspace(0.05, 12, 999),
        "parts": 3,
    }


def rows_in_sight(browser: Any) -> list[Any]:
    """Return the rows that are not hidden, but for details."""
    rows: list[Any] = browser.find_elements(By.CSS_SELECTOR, "#anomaly-table > tbody > tr[data-row]:not([hidden])")
    return rows


def open_first(browser: Any) -> Any:
    """Open the detail of the first row by keyboard and return it."""
    browser.find_element(By.CSS_SELECTOR, "button.open").send_keys(Keys.ENTER)
    return browser.find_element(By.CSS_SELECTOR, "tr.detail")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page about the run described above, once."""
    published = publish_in(tmp_path_factory.mktemp("runs") / "run", Run(**described()))
    return report(published.table)


@pytest.fixture
def page(browser: Any, written: Path) -> Iterator[Any]:
    """Visit the page; at the end, its console must have stayed silent."""
    open_page(browser, written)
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def test_a_story_picks_its_rows_and_lets_them_go(page: Any) -> None:
    """Pressing a story shows its rows only; pressing it again shows all."""
    story = next(one for one in page.find_elements(By.CSS_SELECTOR, ".story button") if "pressure" in one.text)

    story.send_keys(Keys.ENTER)
    assert len(rows_in_sight(page)) == 8
    assert all("pressure" in row.text for row in rows_in_sight(page))
    assert story.get_attribute("aria-pressed") == "true"
    assert page.find_element(By.ID, "filter-story").get_attribute("value") == "0"

    story.send_keys(Keys.ENTER)
    assert len(rows_in_sight(page)) == ALERTS
    assert story.get_attribute("aria-pressed") == "false"


def test_filters_and_search_narrow_together(page: Any) -> None:
    """Rows of one label that also hold the word are left, and the count says so."""
    page.find_element(By.ID, "filter-label").send_keys("anomaly")
    assert len(rows_in_sight(page)) == ALERTS - 4

    page.find_element(By.ID, "search").send_keys("press-1")
    assert len(rows_in_sight(page)) == 4
    assert page.find_element(By.ID, "shown").text == "4 of 12 shown"


def test_a_row_opens_into_its_features_and_its_neighbours_in_time(page: Any) -> None:
    """The detail shows each feature with its normal range, what lies outside, and a chart of the hours around."""
    detail = open_first(page)

    lines = [line.text.split() for line in detail.find_elements(By.CSS_SELECTOR, ".features tbody tr")]
    assert " ".join(lines[0]) == "pressure 9.81 0 to 9 4.20 90%"
    assert "south 100%" in " ".join(lines[1])
    assert len(detail.find_elements(By.CSS_SELECTOR, ".strip.out")) == 1
    assert "press-1" in detail.text
    marks = "return document.querySelectorAll('tr.detail svg .mark-symbol path').length"
    WebDriverWait(page, 20).until(lambda driver: driver.execute_script(marks) == 17)

    page.find_element(By.CSS_SELECTOR, "button.open").send_keys(Keys.ENTER)
    assert page.find_elements(By.CSS_SELECTOR, "tr.detail") == []


def test_sorting_closes_details_and_loses_none(page: Any) -> None:
    """A detail does not stay behind under another row."""
    open_first(page)

    page.find_element(By.CSS_SELECTOR, "th.sortable button").send_keys(Keys.ENTER)

    assert page.find_elements(By.CSS_SELECTOR, "tr.detail") == []
    assert len(rows_in_sight(page)) == ALERTS


def test_copied_queries_find_exactly_the_row(page: Any) -> None:
    """DuckDB and pandas run what the buttons copy, with quotes in the row's name, and it can be pasted."""
    detail = open_first(page)
    buttons = detail.find_elements(By.CSS_SELECTOR, ".copies button")
    sql, code = (button.get_attribute("data-text") for button in buttons)

    found = duckdb.sql(sql).fetchall()
    assert [row[0] for row in found] == [f"job '{ROWS - 1}'"]
    imports, expression = code.split("\n")
    names: dict[str, Any] = {}
    exec(imports, names)  # noqa: S102 - what an analyst would paste
    assert eval(expression, names)["row_id"].tolist() == [f"job '{ROWS - 1}'"]  # noqa: S307 - as above

    buttons[0].send_keys(Keys.ENTER)
    search = page.find_element(By.ID, "search")
    search.send_keys(Keys.CONTROL, "v")
    assert search.get_attribute("value") == sql


def test_a_cut_shows_what_it_would_change(page: Any) -> None:
    """Keys move the cut; alerts, recall and the line in the histograms follow, and one press brings all back."""
    alerts = page.find_element(By.ID, "cut-alerts")
    slider = page.find_element(By.ID, "cut")
    line = "return document.querySelectorAll('#chart-scores-0 .mark-rule.role-mark line')[1].getAttribute('transform')"
    assert alerts.text.startswith("12\n10% of rows; as now")
    before = page.execute_script(line)

    slider.send_keys(Keys.END)

    assert alerts.text.startswith("0\n0% of rows; 12 fewer than now")
    assert page.find_element(By.ID, "cut-recall").text.startswith("0%")
    assert page.find_element(By.ID, "cut-rate").text.startswith("0%")
    assert page.execute_script(line) != before

    page.find_element(By.ID, "cut-reset").send_keys(Keys.ENTER)
    assert alerts.text.startswith("12\n")
    assert page.execute_script(line) == before


def exported(browser: Any, folder: Path) -> list[list[str]]:
    """Export the rows in sight and read the file."""
    behaviour = {"behavior": "allow", "downloadPath": str(folder)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    browser.find_element(By.ID, "export").send_keys(Keys.ENTER)
    path = folder / "anomalies.csv"
    WebDriverWait(browser, 20).until(lambda _: path.exists())
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_the_export_holds_the_rows_shown(page: Any, tmp_path: Path) -> None:
    """The file has a heading and the rows in sight, numbers as numbers, with story and reasons."""
    page.find_element(By.ID, "search").send_keys("press-1")

    heading, *rows = exported(page, tmp_path)

    assert heading[:5] == ["row_id", "source_file", "source_row", "at", "machine"]
    assert len(rows) == len(rows_in_sight(page)) == 6
    first = dict(zip(heading, rows[0], strict=True))
    assert float(first["anomaly_score"]) == 50.0
    assert first["story"] == "pressure above normal"
    assert first["reasons"].startswith("pressure: 9.81, expected 4.20 (90%)")


def test_no_exported_cell_is_a_formula(visit: Callable[..., Any], tmp_path: Path) -> None:
    """Text that a spreadsheet would run gets an apostrophe, in the heading too; numbers and plain text do not."""
    browser = visit(scores=np.full(8, 20.0), machines=FORMULAS, machine_column="=1+2")

    heading, *rows = exported(browser, tmp_path)

    assert heading[3] == "'=1+2"
    guarded = [f"'{text}" for text in FORMULAS[:6]]
    assert sorted(row[3] for row in rows) == sorted([*guarded, "-5.5", "plain"])

"""Fixtures of the report: runs to report on, and a browser to look at the page with."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from report_support import Published, Run, open_page, publish_in

from anomaly_ae.stages.report import report

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1280,900"
)


@pytest.fixture
def publish_run(tmp_path: Path) -> Callable[..., Published]:
    """Return a function that publishes a run described by the arguments of `Run`."""

    def publish_described(**described: Any) -> Published:
        return publish_in(tmp_path / f"run-{len(list(tmp_path.iterdir()))}", Run(**described))

    return publish_described


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a headless Chromium with a profile of its own, or skip the test where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture
def visit(browser: Any, publish_run: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that publishes a run, reports on it, opens the page and waits for its charts."""

    def visit_described(**described: Any) -> Any:
        published = publish_run(**described)
        open_page(browser, report(published.table))
        return browser

    return visit_described

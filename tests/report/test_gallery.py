"""The gallery: the pictures an inspector asks for, small enough for a page, and usable by mouse and keys."""

import base64
import io
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inspection_support import Inspection
from PIL import Image
from report_support import open_page
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from anomaly_ae.ingest.pictures.decode import encode_png
from anomaly_ae.modalities.pictures.heat import colour_indices
from anomaly_ae.report.layers import draw_layers
from anomaly_ae.report.sections import gallery
from anomaly_ae.report.source import ReportSource
from anomaly_ae.scoring.maps import MapScale
from anomaly_ae.stages.report import report
from anomaly_ae.workspace.scored_table import ScoredTable


def content_of(scored: Path) -> Any:
    """Return what the gallery of a scored table shows."""
    section = gallery.section(ReportSource.of(ScoredTable.open(scored)))
    return section.content if section else None


def opened(uri: str) -> Image.Image:
    """Open the picture that a data URI holds."""
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


@pytest.fixture
def shown(inspection: Inspection) -> Any:
    """Return the gallery of the small run."""
    return content_of(inspection.scored)


def test_anomalies_come_first(shown: Any) -> None:
    """Cards fall by score; found anomalies are all there, and normal pictures beside them for comparison."""
    scores = [card.score for card in shown.cards]

    assert scores == sorted(scores, reverse=True)
    assert [card.verdict for card in shown.cards[:6]] == ["found"] * 6
    assert sum(card.verdict == "normal" for card in shown.cards) == gallery.MAX_SHOWN["normal"]
    assert shown.totals["normal"] > gallery.MAX_SHOWN["normal"]
    assert shown.cards[0].kind == "patch"


def test_masks_are_shown_where_known(shown: Any) -> None:
    """Five of the six anomalies have a mask, and no normal picture has one."""
    assert sum(card.layers.mask is not None for card in shown.cards) == 5
    assert all(card.layers.mask is None for card in shown.cards if card.verdict == "normal")


def test_verdicts_take_the_labels_word() -> None:
    """Whatever was flagged is a false alarm among normal pictures and found among anomalies; the rest is missed."""
    scores = np.arange(40, 0, -1).astype(float)
    verdicts = np.array(["found"] * 2 + ["false alarm"] * 20 + ["missed"] * 1 + ["normal"] * 17)

    chosen = gallery._choose(verdicts, scores)

    assert chosen[:2] == [0, 1]
    assert chosen[2 : 2 + gallery.MAX_SHOWN["false alarm"]] == list(range(2, 18))
    assert 22 in chosen
    assert {23, 39} <= set(chosen)
    assert len(chosen) == 2 + 16 + 1 + 8


def test_heat_is_the_map_on_the_scale_of_the_table() -> None:
    """The layer over the picture holds the map's levels, and nothing where the picture is normal."""
    error_map, scale = np.ones((96, 96), np.float32), MapScale(low=1, high=2)
    error_map[:10, :10] = [3] * 10

    layers = draw_layers(encode_png(np.full((96, 96), 50, np.uint8)), error_map, None, scale, 384)

    heat = np.asarray(opened(layers.heat).convert("RGBA"))
    assert (heat[20:, 20:, 3] == 0).all()
    assert (heat[:8, :8, 3] > 150).all()
    assert np.array_equal(np.asarray(opened(layers.heat)), colour_indices(error_map, scale))


def test_mask_is_an_outline_inside_the_marked_area() -> None:
    """Only the edge of a mask is drawn, so that the picture below stays to be seen."""
    mask = np.zeros((40, 80), np.uint8)
    mask[10:30, 20:60] = 255

    layers = draw_layers(encode_png(mask), np.zeros((4, 4), np.float32), encode_png(mask), MapScale(low=0, high=1), 384)

    outline = np.asarray(opened(layers.mask or "").convert("RGBA"))[:, :, 3] > 0
    assert outline.shape == (160, 320)
    assert outline[40:42, 82:238].all()
    assert not outline[60:100, 100:220].any()
    assert not outline[:38].any()


def test_pictures_shrink_until_they_fit_the_page(
    inspection: Inspection, shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With less room on the page every picture is drawn smaller, and none is left out."""
    monkeypatch.setattr(gallery, "SIDES", (384, 8))
    monkeypatch.setattr(gallery, "BUDGET", 1)

    less = content_of(inspection.scored)

    assert len(less.cards) == len(shown.cards)
    assert opened(less.cards[0].layers.picture).size == (8, 8)


def test_without_the_dataset_the_page_says_so(inspection: Inspection, tmp_path: Path) -> None:
    """Where the dataset was removed, the gallery says what is missing and the report is written."""
    for directory in (inspection.scored, inspection.made.trained.directory):
        shutil.copytree(directory, tmp_path / directory.parent.name / directory.name)

    page = report(ScoredTable.open(tmp_path / "scored" / inspection.scored.name)).read_text(encoding="utf-8")

    assert "no longer in the workspace" in page
    assert 'class="card"' not in page


def test_page_is_small_and_asks_no_network(inspection: Inspection) -> None:
    """The page holds its pictures as data, and stays far below five megabytes."""
    page = inspection.made.report.read_text(encoding="utf-8")

    assert len(page.encode()) < 5_000_000
    assert set(re.findall(r'<img[^>]* src="([a-z]+:)', page)) == {"data:"}


def press(browser: Any, element: Any) -> None:
    """Click an element, brought into sight at once."""
    browser.execute_script("arguments[0].scrollIntoView({behavior: 'instant', block: 'center'})", element)
    element.click()


@pytest.fixture
def gallery_page(browser: Any, inspection: Inspection) -> Any:
    """Return a browser that shows the report of the small run."""
    open_page(browser, inspection.made.report)
    browser.get_log("browser")
    return browser


def visible_cards(browser: Any) -> list[Any]:
    """Return the cards that are not hidden."""
    return [card for card in browser.find_elements(By.CSS_SELECTOR, ".card") if not card.get_property("hidden")]


def test_cards_show_the_picture_beside_its_map(gallery_page: Any) -> None:
    """Each card has two panes of the picture's proportions; all layers are drawn, and no console message appears."""
    card = visible_cards(gallery_page)[0]

    plain, mapped = card.find_elements(By.CSS_SELECTOR, ".pane")
    assert len(plain.find_elements(By.TAG_NAME, "img")) == 1
    assert len(mapped.find_elements(By.TAG_NAME, "img")) >= 2
    assert plain.size == mapped.size
    assert gallery_page.execute_script("return [...document.querySelectorAll('.card img')].every((i) => i.src)")
    assert gallery_page.get_log("browser") == []


def test_verdicts_filter_the_cards(gallery_page: Any) -> None:
    """A verdict's button leaves its cards only, and says that it is pressed."""
    button = gallery_page.find_element(By.CSS_SELECTOR, ".verdicts [data-verdict='found']")
    press(gallery_page, button)

    assert {card.get_dom_attribute("data-verdict") for card in visible_cards(gallery_page)} == {"found"}
    assert button.get_dom_attribute("aria-pressed") == "true"


def test_keys_enlarge_step_and_close(gallery_page: Any) -> None:
    """Enter enlarges a picture, arrows step to its neighbours, Escape closes and gives the focus back."""
    first, second = gallery_page.find_elements(By.CSS_SELECTOR, ".card button.panes")[:2]
    gallery_page.execute_script("arguments[0].focus()", first)
    first.send_keys(Keys.ENTER)
    closer = gallery_page.find_element(By.ID, "closer")
    assert closer.get_property("open")
    title = closer.find_element(By.TAG_NAME, "h3").text
    assert title in first.get_dom_attribute("aria-label")

    gallery_page.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert closer.find_element(By.TAG_NAME, "h3").text in second.get_dom_attribute("aria-label")

    gallery_page.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not closer.get_property("open")
    assert gallery_page.switch_to.active_element == second


def test_layers_can_be_taken_off(gallery_page: Any) -> None:
    """Without its tick the map is not shown, and the mask still is."""
    press(gallery_page, gallery_page.find_element(By.CSS_SELECTOR, ".card button.panes"))
    closer = gallery_page.find_element(By.ID, "closer")

    closer.find_element(By.CSS_SELECTOR, "[data-layer='heat']").click()

    assert not closer.find_element(By.CSS_SELECTOR, ".heat").is_displayed()
    assert closer.find_element(By.CSS_SELECTOR, ".photo").is_displayed()

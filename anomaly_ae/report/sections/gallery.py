"""The gallery of a scored table of pictures, for an inspector to confirm or dismiss alerts.

Each picture is in the page once, reduced, with its map and its mask as layers that the page can show or hide. All maps
are coloured on the same scale, which was fixed on the validation pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anomaly_ae.modalities.pictures.heat import full_scale, palette
from anomaly_ae.report.layers import PictureLayers, draw_layers
from anomaly_ae.report.section import PageSection
from anomaly_ae.report.source import ReportSource
from anomaly_ae.scoring.maps import Box, MapScale, load_map
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import count_rows, read_parquet
from anomaly_ae.workspace.places import RowPlace, read_places

MAX_SHOWN = {"found": 32, "alert": 32, "false alarm": 16, "missed": 16, "normal": 8, "no alert": 8}
"""Verdict -> maximum number of pictures shown: the highest scores, and for `_SPREAD` an even sample of all scores."""

_SPREAD = ("normal", "no alert")
BUDGET = 2_500_000
"""Maximum number of characters that pictures may take in the page."""

SIDES = (384, 320, 256, 192, 128, 96)
"""Candidates for a picture's longer side, in pixels; the largest with which all pictures fit the budget is used."""

_SCORED = ("row_id", "source_file", "anomaly_score", "threshold", "split", "region", "anomaly_map")
_PICTURE = ("picture", "mask", "kind", "width", "height")
_BATCH_ROWS = 16
"""Small, because each row is a whole picture."""


@dataclass(frozen=True)
class Card:
    """One picture of the gallery.

    Attributes:
        row_id: id of the row.
        score: anomaly score.
        threshold: threshold of the score.
        verdict: a key of `MAX_SHOWN`.
        kind: name of the picture's folder in the source.
        split: train, validation or test; None for new pictures.
        size: width and height in pixels.
        box: left, top, width and height of the hottest area, in percent of the picture's sides.
        layers: the picture, its map and its mask.
    """

    row_id: str
    score: float
    threshold: float
    verdict: str
    kind: str | None
    split: str | None
    size: tuple[int, int]
    box: tuple[float, float, float, float]
    layers: PictureLayers


@dataclass(frozen=True)
class Gallery:
    """The pictures that are shown, highest score first.

    Attributes:
        cards: empty if the dataset with the pictures was removed.
        totals: verdict -> number of pictures in the whole table.
        low: error from which positions are coloured; the median of normal pictures.
        high: 99.9th percentile of the positions of normal pictures.
        full: error from which the colour no longer changes.
        colours: CSS colours with opacity, from low to full.
    """

    cards: tuple[Card, ...]
    totals: dict[str, int]
    low: float
    high: float
    full: float
    colours: tuple[str, ...]

    @property
    def has_masks(self) -> bool:
        """Whether any picture shown has a mask."""
        return any(card.layers.mask for card in self.cards)


def section(source: ReportSource) -> PageSection:
    """Return the gallery of a table of pictures.

    Raises:
        ArtifactError: a map or a part is missing or damaged.
    """
    scale = MapScale.model_validate(source.about.model.scored_facts["map_scale"])
    verdicts, scores = _judged(source.parts)
    chosen = _choose(verdicts, scores)
    records = _records(source, _places(source.parts, chosen))
    layers = _draw(records, source.table.directory, scale)
    cards = tuple(map(_card, records, [str(verdicts[row]) for row in chosen], layers))
    totals = {name: int((verdicts == name).sum()) for name in MAX_SHOWN}
    return PageSection(
        "gallery", "Pictures", Gallery(cards, totals, scale.low, scale.high, full_scale(scale), _colours())
    )


def _judged(parts: Sequence[Location]) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Return the verdict and the score of every picture of a scored table, in order."""
    table = pa.concat_tables(read_parquet(part, columns=["is_anomaly", "label", "anomaly_score"]) for part in parts)
    is_alert = table.column("is_anomaly").to_numpy()
    label = table.column("label").cast("int8").fill_null(-1).to_numpy()
    cases = [is_alert & (label == 1), is_alert & (label == 0), is_alert, label == 1, label == 0]
    verdicts = np.select(cases, ["found", "false alarm", "alert", "missed", "normal"], "no alert")
    return verdicts, table.column("anomaly_score").to_numpy()


def _places(parts: Sequence[Location], rows: Sequence[int]) -> list[RowPlace]:
    """Return the places of rows given by their numbers across all parts."""
    ends = np.cumsum([count_rows(part) for part in parts])
    part_of = np.searchsorted(ends, rows, side="right")
    return [
        RowPlace(int(part), int(row - (ends[part - 1] if part else 0))) for part, row in zip(part_of, rows, strict=True)
    ]


def _choose(verdicts: NDArray[np.str_], scores: NDArray[np.float64]) -> list[int]:
    """Return the rows to show, highest score first."""
    order = np.argsort(-scores, kind="stable")
    chosen: list[int] = []
    for verdict, most in MAX_SHOWN.items():
        rows = order[verdicts[order] == verdict]
        if verdict in _SPREAD and len(rows) > most:
            rows = rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]
        chosen += rows[:most].tolist()
    return sorted(chosen, key=lambda row: (-scores[row], row))


def _records(source: ReportSource, places: Sequence[RowPlace]) -> list[dict[str, Any]]:
    """Read the rows at `places` with their pictures; return an empty list if the dataset was removed."""
    pictures = source.table.dataset_parts()
    if pictures is None:
        return []
    halves = (read_places(source.parts, places, _SCORED), read_places(pictures, places, _PICTURE, _BATCH_ROWS))
    return [scored | picture for scored, picture in zip(*halves, strict=True)]


def _draw(records: Sequence[dict[str, Any]], scored: Location, scale: MapScale) -> list[PictureLayers]:
    """Draw all pictures, as large as the budget allows."""
    maps = [load_map(scored / record["anomaly_map"]) for record in records]
    layers: list[PictureLayers] = []
    for side in SIDES:
        layers = [
            draw_layers(record["picture"], error_map, record["mask"], scale, side)
            for record, error_map in zip(records, maps, strict=True)
        ]
        if sum(picture.characters for picture in layers) <= BUDGET:
            break
    return layers


def _card(record: dict[str, Any], verdict: str, layers: PictureLayers) -> Card:
    width, height, box = record["width"], record["height"], Box(**record["region"])
    return Card(
        row_id=record["row_id"],
        score=record["anomaly_score"],
        threshold=record["threshold"],
        verdict=verdict,
        kind=record["kind"],
        split=record["split"],
        size=(width, height),
        box=(
            100 * box.left / width,
            100 * box.top / height,
            100 * (box.right - box.left) / width,
            100 * (box.bottom - box.top) / height,
        ),
        layers=layers,
    )


def _colours() -> tuple[str, ...]:
    """Return nine CSS colours of the scale, from transparent to full."""
    steps = palette()[np.linspace(0, 255, 9).round().astype(int)].tolist()
    return tuple(f"rgb({red} {green} {blue} / {alpha / 255:.2f})" for red, green, blue, alpha in steps)

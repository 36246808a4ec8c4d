"""What a scored table of pictures has besides the columns of every scored table: where each picture is anomalous.

Every picture has its anomaly map, a file `maps/<part>/<row>.npy`; some have an overlay, `overlays/<part>/<row>.png`.
The files lie in the scored directory and appear with it.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anomaly_ae.ingest.pictures.decode import decode
from anomaly_ae.scored.heat import draw_overlay
from anomaly_ae.scored.maps import ErrorMap, MapScale, compact, hottest_box
from anomaly_ae.scored.table import BOX
from anomaly_ae.storage import make_directory

MAPS, OVERLAYS = "maps", "overlays"
Overlays = Literal["alerts", "all", "none"]
OVERLAY_SIDE = 512
"""Pixels of an overlay's longer side at most."""


@dataclass
class PictureFiles:
    """Writes the maps and overlays of one part of a scored table, batch after batch.

    Attributes:
        directory: of the scored table.
        part: name of the part, without suffix.
        scale: of the model's maps.
        overlays: which pictures get one: alerts, all or none.
        most_overlays: of this part; the first of those pictures have one.
        rows: pictures seen.
        drawn: overlays drawn.
    """

    directory: Path
    part: str
    scale: MapScale
    overlays: Overlays
    most_overlays: int
    rows: int = 0
    drawn: int = 0

    def __post_init__(self) -> None:
        for folder in (MAPS, OVERLAYS):
            make_directory(self.directory / folder / self.part)

    def write(
        self, pictures: pa.RecordBatch, maps: NDArray[np.float32], is_anomaly: NDArray[np.bool_]
    ) -> dict[str, pa.Array]:
        """Write the files of a batch of pictures.

        Args:
            pictures: rows of the dataset, with `picture`, `width` and `height`.
            maps: their anomaly maps, `(n, height, width)`.
            is_anomaly: whether each is above the threshold, `(n,)`.

        Returns:
            The columns `region`, `anomaly_map` and `overlay` of the scored table.
        """
        sizes = zip(pictures.column("width").to_pylist(), pictures.column("height").to_pylist(), strict=True)
        boxes = [hottest_box(one, self.scale.low, size)._asdict() for one, size in zip(maps, sizes, strict=True)]
        stored = [self._write_map(self.rows + row, one) for row, one in enumerate(maps)]
        drawn = [
            self._write_overlay(self.rows + row, pictures.column("picture")[row].as_py(), maps[row])
            if self._is_drawn(is_alert=bool(is_anomaly[row]))
            else None
            for row in range(len(maps))
        ]
        self.rows += len(maps)
        return {
            "region": pa.array(boxes, BOX),
            "anomaly_map": pa.array(stored, pa.string()),
            "overlay": pa.array(drawn, pa.string()),
        }

    def _is_drawn(self, *, is_alert: bool) -> bool:
        wanted = {"all": True, "alerts": is_alert, "none": False}[self.overlays]
        return wanted and self.drawn < self.most_overlays

    def _write_map(self, row: int, error_map: ErrorMap) -> str:
        name = f"{MAPS}/{self.part}/{row:06d}.npy"
        stored = io.BytesIO()
        np.save(stored, compact(error_map), allow_pickle=False)
        (self.directory / name).write_bytes(stored.getvalue())
        return name

    def _write_overlay(self, row: int, encoded: bytes, error_map: ErrorMap) -> str:
        name = f"{OVERLAYS}/{self.part}/{row:06d}.png"
        drawn = io.BytesIO()
        draw_overlay(decode(encoded), error_map, self.scale, OVERLAY_SIDE).save(drawn, "PNG")
        (self.directory / name).write_bytes(drawn.getvalue())
        self.drawn += 1
        return name

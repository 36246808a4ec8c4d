"""The files beside a scored table of pictures, which show where each picture is anomalous.

Every picture has an anomaly map, `maps/<part>/<row>.npy`; some have an overlay, `overlays/<part>/<row>.png`. The files
are in the scored directory and are published with it.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anomaly_ae.ingest.ahead import map_ahead
from anomaly_ae.ingest.pictures.decode import decode
from anomaly_ae.modalities.pictures.heat import draw_overlay
from anomaly_ae.modalities.pictures.scores import of_pictures
from anomaly_ae.scoring.maps import ErrorMap, MapScale, compact, hottest_box
from anomaly_ae.scoring.schema import BOX
from anomaly_ae.scoring.scores import Scores
from anomaly_ae.storage import make_directory
from anomaly_ae.storage.locations import Location

MAPS, OVERLAYS = "maps", "overlays"
Overlays = Literal["alerts", "all", "none"]
_OVERLAY_SIDE = 512
"""Largest longer side of an overlay, in pixels."""
_COMPRESS_LEVEL = 1
"""Of overlays; three times as fast as Pillow's default of 6, for files that are a seventh larger."""


@dataclass(order=True)
class Candidate:
    """A picture that may get an overlay; ordered by score, then by position, earlier ones first.

    Attributes:
        score: anomaly score.
        ahead: minus the row in the part.
        encoded: bytes of the picture's file.
        error_map: anomaly map.
    """

    score: float
    ahead: int
    encoded: bytes = field(compare=False)
    error_map: ErrorMap = field(compare=False)

    @property
    def row(self) -> int:
        """Row in the part."""
        return -self.ahead


@dataclass
class PictureFiles:
    """Writes the maps and overlays of one part of a scored table: maps batch after batch, overlays at its end.

    Attributes:
        directory: directory of the scored table.
        part: name of the part, without suffix.
        scale: colour scale of the model's maps.
        overlays: which pictures get an overlay: alerts, all or none.
        max_overlays: overlays of this part; the pictures of the highest scores get them.
        rows: pictures written so far.
        hottest: heap of the pictures that get an overlay, never more than `max_overlays`.
    """

    directory: Location
    part: str
    scale: MapScale
    overlays: Overlays
    max_overlays: int
    rows: int = 0
    hottest: list[Candidate] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in (MAPS, OVERLAYS):
            make_directory(self.directory / folder / self.part)

    def write(self, rows: pa.RecordBatch, scores: Scores, is_anomaly: NDArray[np.bool_]) -> dict[str, pa.Array]:
        """Write the maps of a batch of pictures.

        Args:
            rows: of the dataset, with `picture`, `width` and `height`.
            scores: theirs, with their anomaly maps.
            is_anomaly: whether each is above the threshold, `(n,)`.

        Returns:
            The columns `region`, `anomaly_map` and `overlay` of the scored table, the last one empty: `finish` fills
            it.

        Raises:
            TypeError: the scores are of another kind of model.
        """
        maps = of_pictures(scores).maps
        sizes = zip(rows.column("width").to_pylist(), rows.column("height").to_pylist(), strict=True)
        boxes = [
            hottest_box(error_map, self.scale.low, size)._asdict() for error_map, size in zip(maps, sizes, strict=True)
        ]
        stored = [self._write_map(self.rows + row, error_map) for row, error_map in enumerate(maps)]
        anomaly_score = scores.anomaly_score
        is_wanted = {"all": np.ones_like(is_anomaly), "alerts": is_anomaly, "none": np.zeros_like(is_anomaly)}
        for row in np.flatnonzero(is_wanted[self.overlays]).tolist():
            encoded = rows.column("picture")[row].as_py()
            self._keep(Candidate(float(anomaly_score[row]), -(self.rows + row), encoded, maps[row].copy()))
        self.rows += len(maps)
        return {
            "region": pa.array(boxes, BOX),
            "anomaly_map": pa.array(stored, pa.string()),
            "overlay": pa.nulls(len(maps), pa.string()),
        }

    def finish(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Draw the overlays once all rows of the part are known, and yield the rows with the overlays' names."""
        # Which pictures are hottest is known only at the end; without pictures and maps, rows take few bytes.
        waiting = list(batches)
        names = dict(map_ahead(self._write_overlay, self.hottest))
        first = 0
        for batch in waiting:
            drawn = pa.array([names.get(first + row) for row in range(len(batch))], pa.string())
            index = batch.schema.get_field_index("overlay")
            yield batch.set_column(index, batch.schema.field(index), drawn)
            first += len(batch)

    def _keep(self, candidate: Candidate) -> None:
        heappush(self.hottest, candidate)
        if len(self.hottest) > self.max_overlays:
            heappop(self.hottest)

    def _write_map(self, row: int, error_map: ErrorMap) -> str:
        name = f"{MAPS}/{self.part}/{row:06d}.npy"
        stored = io.BytesIO()
        np.save(stored, compact(error_map), allow_pickle=False)
        (self.directory / name).write_bytes(stored.getvalue())
        return name

    def _write_overlay(self, candidate: Candidate) -> tuple[int, str]:
        name = f"{OVERLAYS}/{self.part}/{candidate.row:06d}.png"
        drawn = io.BytesIO()
        overlay = draw_overlay(decode(candidate.encoded), candidate.error_map, self.scale, _OVERLAY_SIDE)
        overlay.save(drawn, "PNG", compress_level=_COMPRESS_LEVEL)
        (self.directory / name).write_bytes(drawn.getvalue())
        return candidate.row, name

"""The files beside one part of a scored table of pictures, and the columns that name them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from anomaly_ae.ingest.pictures.decode import encode_png
from anomaly_ae.modalities.pictures.files import Overlays, PictureFiles
from anomaly_ae.modalities.pictures.scores import PictureScores
from anomaly_ae.scoring.maps import MapScale

SCALE = MapScale(low=1, high=2)
ALERTS = np.array([True, False, True])


def pictures() -> pa.RecordBatch:
    """Return three pictures of two sizes, as a dataset holds them."""
    sizes = [(40, 20), (16, 16), (40, 20)]
    return pa.RecordBatch.from_pydict(
        {
            "picture": [encode_png(np.full((height, width), 90, np.uint8)) for width, height in sizes],
            "width": [width for width, _ in sizes],
            "height": [height for _, height in sizes],
        }
    )


def maps() -> np.ndarray:
    """Return maps that are hot at the right end of the second row."""
    made = np.ones((3, 4, 4), np.float32)
    made[:, 1, 3] = [9, 3, 7]
    return made


def scores_of(*anomaly_score: float) -> PictureScores:
    """Return scores with these maps."""
    return PictureScores(
        reconstruction_error=np.zeros(3),
        contributions=np.array(anomaly_score, np.float64)[:, None],
        reconstruction=np.empty((3, 0), np.float32),
        maps=maps(),
        sizes=np.full((3, 2), 4),
    )


def write(directory: Path, overlays: Overlays = "alerts", most: int = 10) -> pa.Table:
    """Write the files of two batches, the second hotter; return the columns of both."""
    files = PictureFiles(directory, "part-00000", SCALE, overlays, most)
    rows = [files.write(pictures(), scores_of(*scores), ALERTS) for scores in ([9, 3, 7], [10, 8, 7])]
    return pa.Table.from_batches(files.finish(pa.RecordBatch.from_pydict(columns) for columns in rows))


def test_every_picture_has_its_map(tmp_path: Path) -> None:
    """A row's map is a float16 array that numpy reads, numbered through the part and not through the batch."""
    columns = write(tmp_path)

    assert columns["anomaly_map"].to_pylist() == [f"maps/part-00000/00000{row}.npy" for row in range(6)]
    stored = np.load(tmp_path / "maps/part-00000/000005.npy")
    assert stored.dtype == np.float16
    assert np.array_equal(stored, maps()[2])


def test_region_is_in_pixels_of_each_picture(tmp_path: Path) -> None:
    """The box of the hottest area is measured in the picture's own size."""
    region = write(tmp_path)["region"].to_pylist()

    assert region[0] == {"left": 30, "top": 5, "right": 40, "bottom": 10}
    assert region[1] == {"left": 12, "top": 4, "right": 16, "bottom": 8}


@pytest.mark.parametrize(
    ("overlays", "most", "drawn"),
    [
        ("alerts", 10, {0, 2, 3, 5}),
        ("all", 10, set(range(6))),
        ("none", 10, set()),
        ("alerts", 0, set()),
        ("alerts", 1, {3}),
        ("alerts", 3, {0, 2, 3}),
        ("all", 3, {0, 3, 4}),
    ],
)
def test_overlays_are_drawn_as_asked(tmp_path: Path, overlays: Overlays, most: int, drawn: set[int]) -> None:
    """Alerts, all or no pictures have an overlay of their size, the hottest where there are more than asked."""
    column = write(tmp_path, overlays, most)["overlay"].to_pylist()

    assert {int(path.stem) for path in tmp_path.glob("overlays/*/*.png")} == drawn
    assert [name is not None for name in column] == [row in drawn for row in range(6)]
    assert all(Image.open(tmp_path / column[row]).size == [(40, 20), (16, 16), (40, 20)][row % 3] for row in drawn)


def test_the_overlays_wait_for_no_more_pictures_than_they_are(tmp_path: Path) -> None:
    """However many pictures a part has, only as many are kept to be drawn as there may be overlays."""
    files = PictureFiles(tmp_path, "part-00000", SCALE, "all", 2)

    for _ in range(5):
        files.write(pictures(), scores_of(9, 3, 7), ALERTS)

    assert [one.score for one in sorted(files.hottest)] == [9, 9]
    assert {one.row for one in files.hottest} == {0, 3}


def test_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    """Written twice, every file has the same bytes."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "all")

    one, other = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "other")
    )
    assert len(one) == 12
    assert one == other

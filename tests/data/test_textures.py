"""The pictures of gravel are what their README says, and can be made again."""

import re
import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anomaly_ae.spec import DataSpec, SplitSpec
from anomaly_ae.split import SplitRule
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.workspace.workspace import Workspace

FOLDER = Path(__file__).parents[2] / "data" / "textures"
PICTURES = FOLDER / "pictures"


def stated(name: str) -> int:
    """Return the count that the README's table states."""
    found = re.search(rf"^\| {name} \| (\d+) \|$", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"no row '{name}' in the README's table"
    return int(found[1])


def pixels(path: Path) -> np.ndarray:
    """Return the pixels of a picture."""
    return np.asarray(Image.open(path))


def test_counts_are_true() -> None:
    """The README counts the pictures of each split, the anomalies and the masks that are there."""
    counts = {name: len(list((PICTURES / name).glob("*/*.png"))) for name in ("train", "validation", "test")}

    assert counts == {name: stated(name) for name in counts}
    assert stated("rows") == sum(counts.values())
    assert stated("anomalies") == sum(path.parent.name != "good" for path in (PICTURES / "test").glob("*/*.png"))
    assert stated("masks") == len(list((PICTURES / "ground_truth").glob("*/*.png")))


def test_remade_pictures_are_the_same(tmp_path: Path) -> None:
    """Running the script again gives every picture, pixel for pixel."""
    pytest.importorskip("skimage", reason="scikit-image, which holds the textures, is not installed")
    runpy.run_path(str(FOLDER / "make.py"))["make"](tmp_path)

    kept = {path.relative_to(PICTURES): path for path in PICTURES.rglob("*.png")}
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*.png")} == set(kept)
    assert all(np.array_equal(pixels(path), pixels(tmp_path / name)) for name, path in kept.items())


@pytest.mark.parametrize("kind", ["weed", "brick"])
def test_masks_mark_what_differs(kind: str) -> None:
    """An anomalous picture differs from the normal one of its number inside its mask only."""
    for path in (PICTURES / "test" / kind).glob("*.png"):
        mask = pixels(PICTURES / "ground_truth" / kind / f"{path.stem}_mask.png") > 0
        differs = pixels(path) != pixels(PICTURES / "test" / "good" / path.name)

        assert not differs[~mask].any()
        assert differs[mask].mean() > 0.9


def test_pictures_stay_small() -> None:
    """All pictures together weigh less than 1 MB."""
    assert sum(path.stat().st_size for path in PICTURES.rglob("*.png")) < 1_000_000


def test_index_repeats_the_counts() -> None:
    """The index of all samples states the same counts as the folder's own README."""
    index = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    line = next(line for line in index.splitlines() if "](textures/README.md)" in line)

    assert re.findall(r"\| (\d+) (?=\|)", line) == [str(stated(name)) for name in ("rows", "anomalies", "masks")]


def test_split_is_that_of_the_folders(tmp_path: Path) -> None:
    """Train, validation and test are the three zones: where there are validation pictures, train gives none away."""
    dataset = ingest(DataSpec(source=str(PICTURES)), Workspace.open(tmp_path)).dataset
    rule = SplitRule.fit(dataset, SplitSpec(by="folder"))
    batches = list(dataset.batches(["_row_id", "_label", "origin"]))

    given = [name for batch in batches for name in rule.names(batch).to_pylist()]

    assert given == [name for batch in batches for name in batch.column("origin").to_pylist()]
    assert Counter(given) == {name: stated(name) for name in ("train", "validation", "test")}

"""The starter spec of pictures says what was found and ingests as it stands; a split by folder keeps the source's."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from makers import encode, mvtec, pixels, run, write
from ruamel.yaml import YAML

from anomaly_ae.errors import SplitError
from anomaly_ae.ingest.pictures.find import CONTAINERS
from anomaly_ae.ingest.pictures.layout import Place
from anomaly_ae.ingest.pictures.readers import PICTURE_READERS
from anomaly_ae.modalities.pictures.starter_spec import starter_pictures
from anomaly_ae.modalities.pictures.summary import PictureSummary
from anomaly_ae.modalities.tables.starter_spec import is_supported
from anomaly_ae.spec import Spec, SplitSpec
from anomaly_ae.spec.file import load_spec, parse_spec
from anomaly_ae.split import SplitRule, gather
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.stages.init import init
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.workspace.workspace import Workspace


def start(source: Path) -> tuple[str, Spec]:
    """Write the starter spec of a source beside it, and load it."""
    path = source.parent / "spec.yaml"
    path.write_text(init(str(source), path), encoding="utf-8")
    return path.read_text(encoding="utf-8"), load_spec(path)


def test_starter_spec_says_what_was_found(tmp_path: Path) -> None:
    """Every folder is listed with its count and meaning; the source's own split is taken over."""
    text, spec = start(mvtec(tmp_path / "tiles"))

    assert "# 8 pictures: 16 x 12; RGB; PNG" in text
    assert [line.split() for line in text.splitlines() if line.startswith("  #   ")] == [
        ["#", "test/good", "2", "normal"],
        ["#", "test/scratch", "2", "anomalies"],
        ["#", "train/good", "4", "normal"],
    ]
    assert "# 1 masks mark" in text
    assert spec.split.by == "folder"
    assert ingest(spec.data, Workspace.open(tmp_path / "ws")).rows_accepted == 8


@pytest.mark.parametrize(("pictures", "part"), [(100, 0.25), (240, 0.25), (400, 0.2), (1000, 0.1)])
def test_starter_spec_keeps_no_more_for_the_threshold_than_it_needs(pictures: int, part: float) -> None:
    """Of few train pictures a quarter is validation, of many a tenth; the rate written down is one they can hold."""
    look = PictureSummary(
        places=Counter({Place("train", "good"): pictures, Place("test", "good"): 10, Place("test", "bad"): 10}),
        sizes=Counter({"80 x 80": 1}),
        modes=Counter(),
        formats=Counter(),
        masks=0,
        refused=0,
        short_side=80,
        is_whole=True,
    )

    spec = parse_spec(YAML(typ="safe").load(starter_pictures(look, None, "tiles")))

    assert spec.split.validation / (spec.split.train + spec.split.validation) == pytest.approx(part, abs=0.01)
    assert isinstance(spec.threshold, FprThreshold)
    assert is_supported(spec.threshold.target_fpr, pictures, part)


def test_starter_spec_of_a_plain_folder_asks_for_the_label(tmp_path: Path) -> None:
    """Without a normal folder every picture is taken for normal, and the spec says so; broken ones are counted."""
    for number in range(3):
        write(tmp_path / "in" / "line_1" / f"{number}.png", encode(pixels(number, 80, 90)))
    write(tmp_path / "in" / "line_1" / "bad.png", b"hello")

    text, spec = start(tmp_path / "in")

    assert "the folders do not tell which pictures are anomalies" in text
    assert "1 of the sampled pictures cannot be used" in text
    assert (spec.split.by, spec.data.label, spec.network.kind) == ("row", None, "feature_maps")


def test_starter_spec_of_an_array_counts_its_kinds(tmp_path: Path) -> None:
    """Labels of an array are listed as kinds; small pictures are not sent through a backbone."""
    np.savez(tmp_path / "a.npz", x=np.stack([pixels(seed, channels=1) for seed in range(4)]), y=[0, 1, 1, 1])

    text, spec = start(tmp_path / "a.npz")

    assert ["#", "1", "3"] in [line.split() for line in text.splitlines()]
    assert 'normal_values: ["0"]' in text
    assert spec.network.kind != "feature_maps"


def test_every_container_has_a_reader() -> None:
    """A kind of container without a reader would be found and not read."""
    assert {*CONTAINERS.values(), "folder", "idx", "idx-labels"} == PICTURE_READERS.keys()


def test_split_by_folder_keeps_the_official_split(tmp_path: Path) -> None:
    """Pictures of train go to train and validation only, in the proportion asked for; those of test to test only."""
    root = tmp_path / "tiles"
    for number in range(80):
        write(root / "train" / "good" / f"{number}.png")
    for name in ("test/good/a.png", "test/hole/b.png", "train/hole/c.png", "other/d.png"):
        write(root / name)
    dataset = run(root).dataset
    rule = SplitRule.fit(dataset, SplitSpec(by="folder", train=0.6, validation=0.2, test=0.2))

    names = {}
    for batch in dataset.batches():
        names.update(zip(batch.column("_row_id").to_pylist(), rule.names(batch).to_pylist(), strict=True))
    shares = [names[f"train/good/{number}.png"] for number in range(80)]

    assert set(shares) == {"train", "validation"}
    assert 0.1 < shares.count("validation") / 80 < 0.4
    assert (names["test/good/a.png"], names["test/hole/b.png"]) == ("test", "test")
    assert (names["train/hole/c.png"], names["other/d.png"]) == (None, None)
    facts = gather(dataset, rule, 1000).facts
    assert (facts["test_rows"], facts["test_anomalies"], facts["unused_rows"]) == (2, 1, 2)


def test_validation_folder_is_validation(tmp_path: Path) -> None:
    """Where the source has a validation folder of its own, its pictures set the threshold."""
    for number in range(20):
        write(tmp_path / "in" / "validation" / "good" / f"{number}.png")
        write(tmp_path / "in" / "train" / "good" / f"{number}.png")
    dataset = run(tmp_path / "in").dataset
    rule = SplitRule.fit(dataset, SplitSpec(by="folder"))

    for batch in dataset.batches():
        by_origin = zip(batch.column("origin").to_pylist(), rule.names(batch).to_pylist(), strict=True)
        assert {split for origin, split in by_origin if origin == "validation"} == {"validation"}


def test_copies_across_splits_are_counted(tmp_path: Path) -> None:
    """A test picture whose file is also in train is told, without reading pictures."""
    root = mvtec(tmp_path / "tiles")
    for number in range(4):
        write(root / "test" / "good" / f"copy{number}.png", (root / f"train/good/{number}.png").read_bytes())
    dataset = run(root).dataset

    facts = gather(
        dataset, SplitRule.fit(dataset, SplitSpec(by="folder", train=0.5, validation=0.4, test=0.1)), 100
    ).facts

    assert facts["test_duplicates_of_train"] == facts["train_rows"]


def test_tables_have_no_folders(tmp_path: Path) -> None:
    """A table cannot be split by folder, and is told what can be."""
    (tmp_path / "a.csv").write_text("x\n" + "1\n2\n" * 20)
    dataset = run(tmp_path / "a.csv").dataset

    with pytest.raises(SplitError, match="use row, group or time"):
        SplitRule.fit(dataset, SplitSpec(by="folder"))

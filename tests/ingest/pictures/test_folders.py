"""A folder of pictures becomes a dataset: its layout is understood, and every file is accounted for."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from makers import encode, mvtec, pixels, rejects, rows, run, write
from PIL import Image

from anomaly_ae.errors import ContractError, SourceError, SpecError
from anomaly_ae.ingest import writer
from anomaly_ae.ingest.pictures.decode import decode
from anomaly_ae.storage import hash_file, read_json


def test_mvtec_layout_is_understood(tmp_path: Path) -> None:
    """Folders say what is for training, what a picture shows, and what is normal; the mask goes with its picture."""
    result = run(mvtec(tmp_path / "tiles"))

    found = {row["_row_id"]: row for row in rows(result)}
    assert {name: (row["origin"], row["kind"], row["_label"]) for name, row in found.items()} == {
        **{f"train/good/{number}.png": ("train", "good", False) for number in range(4)},
        **{f"test/good/{number}.png": ("test", "good", False) for number in range(2)},
        **{f"test/scratch/{number}.png": ("test", "scratch", True) for number in range(2)},
    }
    masks = {name: row["mask"] for name, row in found.items() if row["mask"]}
    assert list(masks) == ["test/scratch/0.png"]
    assert np.argwhere(decode(masks["test/scratch/0.png"])).tolist() == [[3, 4], [3, 5], [4, 4], [4, 5]]


def test_a_row_holds_the_file_and_what_it_is(tmp_path: Path) -> None:
    """The original bytes are kept, beside size, mode, format and hash."""
    encoded = encode(pixels(channels=1), "JPEG")
    write(tmp_path / "in" / "a.png", encoded)

    (row,) = rows(run(tmp_path / "in"))

    assert row["picture"] == encoded
    assert (row["width"], row["height"], row["mode"], row["format"]) == (16, 12, "L", "JPEG")
    assert row["sha256"] == hashlib.sha256(encoded).hexdigest()
    assert (row["_source_file"], row["_source_row"], row["kind"], row["_label"]) == ("a.png", 1, None, None)


def test_size_is_that_of_the_upright_picture(tmp_path: Path) -> None:
    """Width and height are those of the pixels that `decode` gives."""
    exif = Image.Exif()
    exif[0x0112] = 6
    write(tmp_path / "in" / "a.jpg", encode(pixels(), "JPEG", exif=exif))

    (row,) = rows(run(tmp_path / "in"))

    assert (row["height"], row["width"]) == decode(row["picture"]).shape[:2] == (16, 12)


def test_plain_folder_is_all_unlabelled(tmp_path: Path) -> None:
    """Folders called by date or camera say nothing of anomalies."""
    write(tmp_path / "in" / "2024" / "a.png")
    write(tmp_path / "in" / "2025" / "b.PNG")

    assert [(row["kind"], row["_label"]) for row in rows(run(tmp_path / "in"))] == [("2024", None), ("2025", None)]


@pytest.mark.parametrize("normal", ["good", "normal", "ok", "OK"])
def test_class_folders_are_labels_beside_a_normal_one(tmp_path: Path, normal: str) -> None:
    """Beside a folder called good, normal or ok, every other holds anomalies, at any depth."""
    for name in (f"{normal}/monday/a.png", f"{normal}/b.png", "crack/c.png", "x/hole/d.png"):
        write(tmp_path / "in" / name)

    labels = {row["_row_id"]: row["_label"] for row in rows(run(tmp_path / "in"))}

    assert labels == {
        f"{normal}/monday/a.png": False,
        f"{normal}/b.png": False,
        "crack/c.png": True,
        "x/hole/d.png": True,
    }


def test_the_user_says_which_kinds_are_normal(tmp_path: Path) -> None:
    """With `data.label` given, it decides, not the names of the folders; a column that pictures lack is refused."""
    for name in ("good/a.png", "crack/c.png", "dust/d.png"):
        write(tmp_path / "in" / name)

    result = run(tmp_path / "in", label={"column": "kind", "normal_values": ["good", "dust"]})

    assert [(row["kind"], row["_label"]) for row in rows(result)] == [("crack", True), ("dust", False), ("good", False)]
    with pytest.raises(SpecError, match="'kind'"):
        run(tmp_path / "in", label={"column": "folder", "normal_values": ["good"]})


def test_kind_outside_both_lists_is_rejected(tmp_path: Path) -> None:
    """Where the user names normal and anomaly kinds, a third is not guessed."""
    for name in ("good/a.png", "crack/c.png", "dust/d.png"):
        write(tmp_path / "in" / name)

    label = {"column": "kind", "normal_values": ["good"], "anomaly_values": ["crack"]}
    result = run(tmp_path / "in", label=label)

    assert list(rejects(result).values()) == ["unknown_label"]
    assert result.rows_accepted == 2


def test_new_pictures_in_folders_of_other_names_get_no_label(tmp_path: Path) -> None:
    """Scored under a model's contract, folders called by date are no anomalies; those of a known name are labels."""
    contract = run(mvtec(tmp_path / "tiles")).dataset.contract
    write(tmp_path / "new" / "2025-01" / "a.png")
    write(tmp_path / "judged" / "good" / "b.png")
    write(tmp_path / "judged" / "scratch" / "c.png")

    assert [row["_label"] for row in rows(run(tmp_path / "new", contract))] == [None]
    assert [row["_label"] for row in rows(run(tmp_path / "judged", contract))] == [False, True]


def test_bad_files_are_rejected_with_a_reason(tmp_path: Path) -> None:
    """What is empty, cut short, no picture or too large is told apart; good pictures beside it are kept."""
    whole = encode(pixels(height=64, width=64))
    write(tmp_path / "in" / "good.png", whole)
    write(tmp_path / "in" / "cut.png", whole[:2000])
    write(tmp_path / "in" / "text.png", b"hello")
    write(tmp_path / "in" / "empty.jpg", b"")
    write(tmp_path / "in" / "bomb.png", encode(Image.new("1", (9000, 9000))))
    write(tmp_path / "in" / "notes.md", b"# not a picture, and not called one")

    result = run(tmp_path / "in")

    assert (result.rows_in, result.rows_accepted, result.rows_rejected) == (5, 1, 4)
    assert {json.loads(record)["name"]: reason for record, reason in rejects(result).items()} == {
        "cut.png": "damaged",
        "text.png": "not_a_picture",
        "empty.jpg": "empty_file",
        "bomb.png": "too_many_pixels",
    }


def test_file_larger_than_any_picture_is_not_read(tmp_path: Path) -> None:
    """A file of more bytes than the allowed pixels can need is refused by its size."""
    write(tmp_path / "in" / "good.png")
    with write(tmp_path / "in" / "huge.png", b"\x89PNG").open("r+b") as stream:
        stream.truncate(2 << 20)

    assert list(rejects(run(tmp_path / "in", max_pixels=1000)).values()) == ["too_many_bytes"]


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    """A link to a file or a folder elsewhere, or to nothing, is rejected; one inside the folder is a picture."""
    write(tmp_path / "secret" / "s.png")
    inside = write(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").symlink_to(inside)
    (tmp_path / "in" / "file.png").symlink_to(tmp_path / "secret" / "s.png")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "in" / "nowhere.png")

    result = run(tmp_path / "in")

    assert [row["_row_id"] for row in rows(result)] == ["a.png", "b.png"]
    assert {json.loads(record)["name"]: reason for record, reason in rejects(result).items()} == {
        "file.png": "link_leaves_source",
        "folder": "link_leaves_source",
        "gone.png": "not_a_file",
    }


def test_masks_that_do_not_fit_are_said(tmp_path: Path) -> None:
    """A mask of another size is not used, and the row says why; one without a picture is rejected."""
    root = mvtec(tmp_path / "tiles")
    write(root / "ground_truth" / "scratch" / "1_mask.png", encode(np.zeros((5, 5), np.uint8)))
    write(root / "ground_truth" / "scratch" / "7_mask.png")

    result = run(root)

    row = next(row for row in rows(result) if row["_row_id"] == "test/scratch/1.png")
    assert (row["mask"], row["mask_note"]) == (None, "the mask is 5 x 5 pixels, the picture 16 x 12")
    assert list(rejects(result).values()) == ["mask_without_picture"]
    assert read_json(result.directory / "manifest.json")["pictures"]["masks_refused"] == {row["mask_note"]: 1}


def test_several_masks_of_a_picture_are_joined(tmp_path: Path) -> None:
    """All masks in a folder called like the picture count; regions numbered 1, 2, 3 are anomalous all the same."""
    root = mvtec(tmp_path / "tiles")
    for index in range(2):
        mark = np.zeros((12, 16), np.uint8)
        mark[index, 0] = index + 1
        write(root / "ground_truth" / "scratch" / "1" / f"{index}.png", encode(mark))

    row = next(row for row in rows(run(root)) if row["_row_id"] == "test/scratch/1.png")

    assert np.argwhere(decode(row["mask"])).tolist() == [[0, 0], [1, 0]]


def test_manifest_counts_what_is_there(tmp_path: Path) -> None:
    """Kinds, sizes and copies are counted, those between training and test apart."""
    root = mvtec(tmp_path / "tiles")
    same = (root / "train/good/0.png").read_bytes()
    write(root / "test" / "good" / "copy.png", same)
    write(root / "train" / "good" / "copy.png", same)

    facts = read_json(run(root).directory / "manifest.json")

    assert facts["pictures"]["places"] == {"train/good": 5, "test/good": 3, "test/scratch": 2}
    assert facts["pictures"]["sizes"] == {"16 x 12": 10}
    assert (facts["pictures"]["duplicates"], facts["pictures"]["duplicates_across_origins"]) == (2, 1)
    assert facts["labels"] == {"anomaly": 2, "normal": 8, "unlabelled": 0}
    assert facts["sources"][0]["rows"] == 10


def test_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    """Two folders of equal files give equal datasets; another byte, or another name, gives another."""
    for name in ("a", "b", "c"):
        mvtec(tmp_path / name)
    (tmp_path / "c" / "train/good/0.png").rename(tmp_path / "c" / "train/good/9.png")

    first = run(tmp_path / "a")
    kept = {path.name: hash_file(path) for path in first.directory.glob("*.parquet")}
    again = run(tmp_path / "b")

    assert again.reused
    assert again.directory == first.directory
    assert run(tmp_path / "c").directory != first.directory
    (tmp_path / "ws").rename(tmp_path / "old")
    assert {path.name: hash_file(path) for path in run(tmp_path / "b").directory.glob("*.parquet")} == kept


def test_parts_are_cut_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups end when they are full, parts after seven groups, and no picture is lost or out of order."""
    monkeypatch.setattr(writer, "GROUP_BYTES", 1200)
    for number in range(20):
        write(tmp_path / "in" / f"{number:02}.png")

    result = run(tmp_path / "in")

    parts = result.dataset.parts
    groups = [pq.ParquetFile(part).metadata.num_row_groups for part in parts]
    assert groups == [7, 3]
    assert [row["_row_id"] for row in rows(result)] == [f"{number:02}.png" for number in range(20)]


def test_globs_and_single_files_are_sources_too(tmp_path: Path) -> None:
    """A glob takes the pictures it names, with the folders below its fixed part; a file is a source of one."""
    root = mvtec(tmp_path / "tiles")

    assert [row["_row_id"] for row in rows(run(f"{root}/train/*/[01].png"))] == ["good/0.png", "good/1.png"]
    assert [row["_row_id"] for row in rows(run(root / "test" / "good" / "0.png"))] == ["0.png"]


def test_hidden_files_are_not_of_the_source(tmp_path: Path) -> None:
    """Thumbnails and notes of programs, and hidden folders, are left alone."""
    for name in ("a.png", "._a.png", ".cache/b.png", "__MACOSX/c.png"):
        write(tmp_path / "in" / name)

    assert [row["_row_id"] for row in rows(run(tmp_path / "in"))] == ["a.png"]


def test_tables_beside_pictures_are_asked_about(tmp_path: Path) -> None:
    """A folder of both is not guessed about; with the format set, each half can be had."""
    write(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.csv").write_text("x\n1\n2\n")

    with pytest.raises(SourceError, match=r"tables \(b\.csv\) and pictures; set data\.format"):
        run(tmp_path / "in")
    assert run(tmp_path / "in", format="pictures").rows_in == 1
    assert run(tmp_path / "in", format="csv").rows_in == 2


def test_contract_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    """A model of pictures does not read tables, nor the other way round."""
    write(tmp_path / "in" / "a.png")
    (tmp_path / "b.csv").write_text("x\n1\n2\n")
    pictures, table = (run(tmp_path / name).dataset.contract for name in ("in", "b.csv"))

    with pytest.raises(ContractError, match="holds tables, and the model it is read for was trained on pictures"):
        run(tmp_path / "b.csv", pictures)
    with pytest.raises(ContractError, match="holds pictures"):
        run(tmp_path / "in", table)


def test_too_many_rejects_fail_the_ingest(tmp_path: Path) -> None:
    """As with tables: above the share that the user allows, nothing is published, and the worst reasons are named."""
    write(tmp_path / "in" / "a.png")
    write(tmp_path / "in" / "b.png", b"hello")

    with pytest.raises(ContractError, match=r"1 x not_a_picture \(as in b\.png"):
        run(tmp_path / "in", max_reject_share=0.05)

    assert list((tmp_path / "ws" / "datasets").iterdir()) == []


def test_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    """An empty folder and a folder of other things name the suffixes that are known."""
    write(tmp_path / "in" / "notes.md", b"")

    with pytest.raises(SourceError, match=r"\.webp"):
        run(tmp_path / "in", format="pictures")

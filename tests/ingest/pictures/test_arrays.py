"""Arrays and Parquet columns give pictures too, with their labels as kinds."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from makers import encode, pixels, rejects, rows, run
from numpy.typing import NDArray

from anomaly_ae.errors import SourceError, SpecError
from anomaly_ae.ingest.pictures.decode import decode


def stack(count: int = 3, channels: int = 1) -> NDArray[np.uint8]:
    """Return noise of several pictures."""
    return np.stack([pixels(seed, channels=channels) for seed in range(count)])


def decoded(path: Path, **data: Any) -> NDArray[np.uint8]:
    """Ingest a source and decode its pictures."""
    return np.stack([decode(row["picture"]) for row in rows(run(path, **data))])


def write_idx(path: Path, values: NDArray[np.uint8]) -> Path:
    """Write an IDX file of bytes, packed if its name says so."""
    raw = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(raw, mtime=0) if path.suffix == ".gz" else raw)
    return path


@pytest.mark.parametrize("key", ["x", "X", "images", "data"])
@pytest.mark.parametrize("channels", [1, 3])
def test_npz_pictures_keep_their_pixels(tmp_path: Path, key: str, channels: int) -> None:
    """An array under any of the usual names is stored losslessly."""
    np.savez_compressed(tmp_path / "a.npz", **{key: stack(channels=channels)})  # type: ignore[arg-type]

    assert (decoded(tmp_path / "a.npz") == stack(channels=channels)).all()


def test_npz_labels_are_kinds(tmp_path: Path) -> None:
    """`y` says what each picture shows, and the user which of it is normal."""
    np.savez(tmp_path / "a.npz", X=stack(4), y=np.array([7, 3, 3, 1]))

    found = rows(run(tmp_path / "a.npz", label={"column": "kind", "normal_values": [3]}))

    assert [(row["_row_id"], row["kind"], row["_label"]) for row in found] == [
        ("a.npz:1", "7", True),
        ("a.npz:2", "3", False),
        ("a.npz:3", "3", False),
        ("a.npz:4", "1", True),
    ]
    assert [row["_source_row"] for row in found] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (np.array([0.0, 0.5, 1.0]), [0, 128, 255]),
        (np.array([0.0, 100.4, 255.0]), [0, 100, 255]),
        (np.array([0, 100, 255], np.int64), [0, 100, 255]),
        (np.array([0, 256, 65535], np.int64), [0, 1, 255]),
        (np.array([0, 256, 65535], np.uint16), [0, 1, 255]),
        (np.array([0, 1, 1], np.bool_), [0, 255, 255]),
    ],
)
def test_other_numbers_become_bytes_by_one_rule(tmp_path: Path, values: NDArray[Any], wanted: list[int]) -> None:
    """Floats, long integers, 16 bits and booleans are scaled by their type or their range over the whole array."""
    np.savez(tmp_path / "a.npz", x=values.reshape(1, 1, 3))

    assert decoded(tmp_path / "a.npz").tolist() == [[wanted]]


def test_scale_is_that_of_the_whole_array(tmp_path: Path) -> None:
    """A dark picture stays dark beside a bright one; one with NaN is rejected."""
    values = np.array([0.1, 1.0, np.nan]).reshape(3, 1, 1)
    np.savez(tmp_path / "a.npz", x=values)

    assert decoded(tmp_path / "a.npz").ravel().tolist() == [26, 255]
    assert list(rejects(run(tmp_path / "a.npz")).values()) == ["not_finite"]


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"X": np.zeros((10, 4), np.uint8)}, r"shape \(10, 4\)"),
        ({"x": np.zeros((2, 3, 28, 28), np.uint8)}, r"shape \(2, 3, 28, 28\)"),
        ({"pixels": np.zeros((2, 8, 8), np.uint8)}, "one called x, X, images"),
        ({"x": np.zeros((2, 8, 8), np.uint8), "y": np.zeros(3)}, "2 pictures and 3 labels"),
        ({"x": np.zeros((2, 8, 8), np.uint8), "y": np.zeros((2, 2))}, r"labels 'y' have the shape \(2, 2\)"),
        ({"x": np.array([[["a"]]])}, "plain uint8"),
        ({"x": np.array([[[None]]])}, "plain uint8"),
        ({"x": np.asfortranarray(np.zeros((2, 8, 8), np.uint8))}, "by columns"),
        ({"x": np.array([[[-1.0, 2.0]]])}, "from -1 to 2"),
        ({"x": np.zeros((1, 0, 8), np.uint8)}, "8 x 0"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(tmp_path: Path, arrays: dict[str, Any], expected: str) -> None:
    """Tables, channels first, strange names and types, and pickles are refused with what is wrong."""
    np.savez(tmp_path / "a.npz", **arrays)

    with pytest.raises(SourceError, match=expected):
        run(tmp_path / "a.npz")


@pytest.mark.parametrize("ending", ["-ubyte", "-ubyte.gz"])
def test_mnist_files_are_read_with_their_labels(tmp_path: Path, ending: str) -> None:
    """A folder as MNIST is published gives pictures, kinds, and what each file is for."""
    for name, count in (("train", 3), ("t10k", 2)):
        write_idx(tmp_path / "in" / f"{name}-images-idx3{ending}", stack(count))
        write_idx(tmp_path / "in" / f"{name}-labels-idx1{ending}", np.arange(count, dtype=np.uint8))

    result = run(tmp_path / "in")

    assert [(row["origin"], row["kind"], row["_label"]) for row in rows(result)] == [
        ("test", "0", None),
        ("test", "1", None),
        ("train", "0", None),
        ("train", "1", None),
        ("train", "2", None),
    ]
    assert (decoded(tmp_path / "in")[2:] == stack(3)).all()


def test_labels_beside_one_idx_file_count_for_its_fingerprint(tmp_path: Path) -> None:
    """One file of pictures takes the labels beside it, and other labels make another dataset."""
    images = write_idx(tmp_path / "train-images-idx3-ubyte", stack(2))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([1, 1], np.uint8))
    first = run(images)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([1, 2], np.uint8))

    assert [row["kind"] for row in rows(first)] == ["1", "1"]
    assert [row["kind"] for row in rows(run(images))] == ["1", "2"]


@pytest.mark.parametrize("name", ["a.npz", "train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "a.parquet"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_arrays_cut_short_are_refused(tmp_path: Path, name: str, share: float) -> None:
    """A file that ends in its middle is a SourceError, and says which file."""
    path = tmp_path / name
    if name == "a.npz":
        np.savez(path, x=stack(3))
    elif name == "a.parquet":
        pq.write_table(pa.table({"image": [encode(pixels())] * 3}), path)
    else:
        write_idx(path, stack(3))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    with pytest.raises(SourceError, match=name):
        run(path, format="pictures")


@pytest.mark.parametrize("wrapped", [False, True])
def test_parquet_column_of_pictures_is_found(tmp_path: Path, wrapped: bool) -> None:
    """Bytes, or Hugging Face's struct of bytes and path, are pictures without a word from the user."""
    encoded = [encode(pixels(seed)) for seed in range(3)]
    column = pa.array([{"bytes": one, "path": None} for one in encoded] if wrapped else encoded)
    pq.write_table(pa.table({"n": [1, 2, 3], "image": column, "label": ["ok", "bad", "ok"]}), tmp_path / "a.parquet")

    found = rows(run(tmp_path / "a.parquet", label={"column": "label", "normal_values": ["ok"]}))

    assert [(row["_row_id"], row["kind"], row["_label"]) for row in found] == [
        ("a.parquet:1", "ok", False),
        ("a.parquet:2", "bad", True),
        ("a.parquet:3", "ok", False),
    ]
    assert [row["picture"] for row in found] == encoded


def test_parquet_ids_and_masks_are_used(tmp_path: Path) -> None:
    """A column named in data.id names the rows, a second row of one name is rejected, and a mask column marks."""
    mark = encode(np.full((12, 16), 255, np.uint8))
    table = {"part": ["a", "b", "b"], "image": [encode(pixels(seed)) for seed in range(3)], "mask": [None, mark, None]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")

    result = run(tmp_path / "a.parquet", id="part")

    assert [(row["_row_id"], row["mask"] is not None) for row in rows(result)] == [("a", False), ("b", True)]
    assert list(rejects(result).values()) == ["duplicate_id"]


def test_parquet_rows_without_a_picture_are_rejected(tmp_path: Path) -> None:
    """Null and text in the column of pictures are reasons, not crashes."""
    pq.write_table(pa.table({"image": [encode(pixels()), None, b"hello"]}), tmp_path / "a.parquet")

    assert sorted(rejects(run(tmp_path / "a.parquet")).values()) == ["empty_file", "not_a_picture"]


def test_parquet_of_two_picture_columns_is_asked_about(tmp_path: Path) -> None:
    """Which of two columns is meant is not guessed; the user's word decides, and a column must be there."""
    left, right = encode(pixels(1)), encode(pixels(2))
    pq.write_table(pa.table({"left": [left], "right": [right]}), tmp_path / "a.parquet")

    with pytest.raises(SourceError, match=r"'left', 'right' hold pictures; name the one"):
        run(tmp_path / "a.parquet")
    assert rows(run(tmp_path / "a.parquet", roles={"right": "picture"}))[0]["picture"] == right
    with pytest.raises(SpecError, match="no column 'centre'"):
        run(tmp_path / "a.parquet", roles={"centre": "picture"})


def test_parquet_table_stays_a_table(tmp_path: Path) -> None:
    """Bytes that are no pictures do not make a table one of pictures."""
    pq.write_table(pa.table({"x": [1.0, 2.0, 3.0], "blob": [b"a", b"b", b"c"]}), tmp_path / "a.parquet")

    assert "x" in rows(run(tmp_path / "a.parquet"))[0]

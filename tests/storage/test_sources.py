"""Every kind of source is read from an object store as from this machine."""

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from picture_support import draw
from tests_support import make_frame, run_cli

from anomaly_ae.ingest.pictures.decode import encode_png
from anomaly_ae.spec import DataSpec
from anomaly_ae.stages.ingest import ingest
from anomaly_ae.storage import files_below, hash_file
from anomaly_ae.workspace.workspace import Workspace


def as_csv(frame: pd.DataFrame) -> bytes:
    """Return a table as CSV."""
    return frame.to_csv(index=False).encode()


def as_jsonl(frame: pd.DataFrame) -> bytes:
    """Return a table as lines of JSON."""
    return frame.to_json(orient="records", lines=True).encode()


def as_parquet(frame: pd.DataFrame) -> bytes:
    """Return a table as Parquet."""
    return frame.to_parquet()


def as_arrow(frame: pd.DataFrame) -> bytes:
    """Return a table as an Arrow IPC file."""
    stream = io.BytesIO()
    frame.to_feather(stream, compression="uncompressed")
    return stream.getvalue()


TABLES = {
    "a.csv": as_csv,
    "a.csv.gz": lambda frame: gzip.compress(as_csv(frame), mtime=0),
    "a.jsonl": as_jsonl,
    "a.parquet": as_parquet,
    "a.arrow": as_arrow,
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read_alike(bucket: Path, tmp_path: Path, name: str) -> None:
    """The same file gives the same dataset, under the same name, from either location."""
    content = TABLES[name](make_frame(50))
    for place in (bucket, tmp_path):
        (place / name).write_bytes(content)

    assert_same_dataset(bucket, tmp_path, name)


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "npz", "idx", "parquet"])
def test_pictures_are_read_alike(bucket: Path, tmp_path: Path, kind: str) -> None:
    """Loose pictures, archives, arrays and Parquet give the same dataset from either location."""
    write_kind(tmp_path / "in", kind)
    for path in files_below(tmp_path / "in"):
        (bucket / path.relative_to(tmp_path).as_posix()).write_bytes(path.read_bytes())

    assert_same_dataset(bucket, tmp_path, "in")


def test_init_looks_at_an_object_store(bucket: Path, tmp_path: Path) -> None:
    """The starter spec names the source as it was typed."""
    (bucket / "plant.csv").write_bytes(as_csv(make_frame()))
    source = str(bucket / "plant.csv")

    run_cli("init", source, cwd=tmp_path)

    assert source in (tmp_path / "anomaly_ae.yaml").read_text()


def assert_same_dataset(bucket: Path, local: Path, source: str) -> None:
    """Ingest the same source from both locations, each into a workspace beside it, and compare all files."""
    made = [
        ingest(DataSpec(source=str(place / source)), Workspace.open(place / "ws")).directory
        for place in (bucket, local)
    ]
    held = [{path.name: hash_file(path) for path in files_below(directory)} for directory in made]

    assert made[0].name == made[1].name
    for files in held:
        del files["manifest.json"]  # it says where the source was
    assert held[0] == held[1]
    assert "part-00000.parquet" in held[0]


def write_kind(directory: Path, kind: str) -> None:
    """Write a few pictures as loose files, or in one file that holds them."""
    directory.mkdir()
    pixels = [draw(number, 12) for number in range(4)]
    encoded = {f"{number}.png": encode_png(one) for number, one in enumerate(pixels)}
    if kind == "folder":
        for name, content in encoded.items():
            (directory / name).write_bytes(content)
    elif kind == "zip":
        with zipfile.ZipFile(directory / "all.zip", "w") as archive:
            for name, content in encoded.items():
                archive.writestr(name, content)
    elif kind == "tar":
        with tarfile.open(directory / "all.tar.gz", "w:gz") as archive:
            for name, content in encoded.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    elif kind == "npz":
        np.savez(directory / "all.npz", x=np.stack(pixels))
    elif kind == "idx":
        header = struct.pack(">HBB3I", 0, 8, 3, *np.stack(pixels).shape)
        with gzip.open(directory / "train-images-idx3-ubyte.gz", "wb") as stream:
            stream.write(header + np.stack(pixels).tobytes())
    else:
        pq.write_table(pa.table({"image": list(encoded.values())}), directory / "all.parquet")

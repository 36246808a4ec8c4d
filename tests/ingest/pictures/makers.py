"""Small pictures and the folders, archives and arrays they come in."""

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from anomaly_ae.ingest.contract import Contract
from anomaly_ae.spec import DataSpec
from anomaly_ae.stages.ingest import IngestResult, ingest
from anomaly_ae.workspace.workspace import Workspace

EVERYTHING = 1.0
"""Share of rejects that a test of rejects allows."""


def pixels(seed: int = 0, height: int = 12, width: int = 16, channels: int = 3) -> NDArray[np.uint8]:
    """Return noise, `(h, w)` for one channel, else `(h, w, channels)`."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encode(picture: Image.Image | NDArray[Any], form: str = "PNG", **how: Any) -> bytes:
    """Encode a picture, or an array of pixels."""
    stream = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(stream, form, **how)
    return stream.getvalue()


def write(path: Path, content: bytes | None = None) -> Path:
    """Write a file, by default a picture of its own, and make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32("/".join(path.parts[-3:]).encode())
    path.write_bytes(encode(pixels(seed)) if content is None else content)
    return path


def mvtec(root: Path) -> Path:
    """Write a small folder in MVTec's layout: six normal pictures, two of them for test, and two anomalies."""
    for number in range(4):
        write(root / "train" / "good" / f"{number}.png")
    for name in ("test/good/0.png", "test/good/1.png", "test/scratch/0.png", "test/scratch/1.png"):
        write(root / name)
    mark = np.zeros((12, 16), np.uint8)
    mark[3:5, 4:6] = 255
    write(root / "ground_truth" / "scratch" / "0_mask.png", encode(mark))
    return root


def run(source: Path | str, contract: Contract | None = None, **data: Any) -> IngestResult:
    """Ingest a source into a workspace beside it, however many pictures of it are rejected."""
    settings = {"max_reject_share": EVERYTHING} | data
    return ingest(DataSpec(source=str(source), **settings), Workspace.open(Path(source).parent / "ws"), contract)


def rows(result: IngestResult) -> list[dict[str, Any]]:
    """Read the accepted rows."""
    return [row for batch in result.dataset.batches() for row in batch.to_pylist()]


def rejects(result: IngestResult) -> dict[str, str]:
    """Read the reject reasons, by the name in the record."""
    table = pq.read_table(result.directory / "rejected.parquet").to_pylist()
    return {row["row"]: row["reject_reason"] for row in table}

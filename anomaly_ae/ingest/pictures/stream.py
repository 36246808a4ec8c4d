"""All pictures of a source, checked against the contract: read on one thread, decoded on several, in order."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from anomaly_ae.ingest.ahead import map_ahead
from anomaly_ae.ingest.apply import Applied, Reject
from anomaly_ae.ingest.contract import LABEL, ORIGIN, ROW_ID, SHA256, SOURCE_FILE, SOURCE_ROW, Contract, LabelRule
from anomaly_ae.ingest.ids import SeenIds
from anomaly_ae.ingest.labels import is_anomaly
from anomaly_ae.ingest.pictures import contract as columns
from anomaly_ae.ingest.pictures.decode import Decoded, PictureError, encode_png, inspect
from anomaly_ae.ingest.pictures.raw import RawPicture, Refusal
from anomaly_ae.ingest.pictures.readers import PictureFile
from anomaly_ae.ingest.raw import RawBatch
from anomaly_ae.spec import DataSpec

_BATCH_BYTES = 8 << 20
_BATCH_PICTURES = 1024

_Row = dict[str, Any]


def stream_pictures(files: Sequence[PictureFile], data: DataSpec, contract: Contract) -> Iterator[tuple[str, Applied]]:
    """Yield every batch of a source, checked against the contract; memory holds one batch and a few pictures.

    Every picture is decoded once, so that none is accepted that cannot be decoded.

    Returns:
        Pairs of the name of a file and a batch of its pictures.

    Raises:
        SourceError: a file cannot be read as what its name says.
    """
    seen = SeenIds()
    rule = contract.label if columns.has_labels(files, contract) else None

    def judge(raw: RawPicture) -> _Row | Reject:
        return _judge(raw, rule, data.max_pixels)

    for file in files:
        judged = map_ahead(judge, file.read(data))
        for batch in _batches(judged):
            yield file.name, _applied(batch, contract, seen)


def _judge(raw: RawPicture, rule: LabelRule | None, max_pixels: int) -> _Row | Reject:
    """Make the row of a picture, or its reject."""
    if isinstance(raw.encoded, Refusal):
        return _reject(raw, raw.encoded.code, raw.encoded.detail)
    try:
        decoded = inspect(raw.encoded, max_pixels)
    except PictureError as error:
        return _reject(raw, error.code, str(error))
    label = None
    if rule and raw.place.kind is not None:
        label = is_anomaly(raw.place.kind, rule)
        if label is None:
            return _reject(raw, "unknown_label", f"shows {raw.place.kind!r}, neither a normal nor an anomaly value")
    return _row(raw, raw.encoded, decoded, max_pixels) | {LABEL: label}


def _row(raw: RawPicture, encoded: bytes, decoded: Decoded, max_pixels: int) -> _Row:
    mask, note = _mask(raw.masks, decoded.pixels.shape[:2], max_pixels)
    return {
        ROW_ID: raw.row_id,
        SOURCE_FILE: raw.source_file,
        SOURCE_ROW: raw.source_row,
        columns.PICTURE: encoded,
        columns.WIDTH: decoded.pixels.shape[1],
        columns.HEIGHT: decoded.pixels.shape[0],
        columns.MODE: decoded.mode,
        columns.FORMAT: decoded.format,
        SHA256: hashlib.sha256(encoded).hexdigest(),
        columns.KIND: raw.place.kind,
        columns.MASK: mask,
        columns.MASK_NOTE: note,
        ORIGIN: raw.place.origin,
    }


def _mask(masks: Iterable[bytes | Refusal], size: tuple[int, ...], max_pixels: int) -> tuple[bytes | None, str | None]:
    """Join the masks of a picture; None, with the reason, where one of them cannot be used."""
    marked = None
    for mask in masks:
        if isinstance(mask, Refusal):
            return None, f"the mask {mask.detail}"
        try:
            decoded = inspect(mask, max_pixels)
        except PictureError as error:
            return None, f"the mask {error}"
        if decoded.pixels.shape[:2] != size:
            height, width = decoded.pixels.shape[:2]
            return None, f"the mask is {width} x {height} pixels, the picture {size[1]} x {size[0]}"
        # Lossless masks may number their regions 1, 2, 3; in a JPEG small values are noise.
        brightest = decoded.pixels.max(axis=2) if decoded.pixels.ndim == 3 else decoded.pixels
        region = brightest > (127 if decoded.format == "JPEG" else 0)
        marked = region if marked is None else marked | region
    return (None if marked is None else encode_png(marked.astype(np.uint8) * np.uint8(255))), None


def _batches(judged: Iterable[_Row | Reject]) -> Iterator[list[_Row | Reject]]:
    """Gather rows and rejects into batches of about `_BATCH_BYTES`."""
    batch: list[_Row | Reject] = []
    size = 0
    for row in judged:
        batch.append(row)
        size += 0 if isinstance(row, Reject) else len(row[columns.PICTURE])
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_PICTURES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _applied(batch: Sequence[_Row | Reject], contract: Contract, seen: SeenIds) -> Applied:
    rows = [row for row in batch if not isinstance(row, Reject)]
    rejects = [row for row in batch if isinstance(row, Reject)]
    twice = seen.add(pa.array([row[ROW_ID] for row in rows], pa.string()))
    rejects += [_second(row) for row, again in zip(rows, twice, strict=True) if again]
    accepted = [row for row, again in zip(rows, twice, strict=True) if not again]
    return Applied(
        raw=RawBatch(pa.RecordBatch.from_pylist([], schema=pa.schema([])), np.arange(len(batch))),
        accepted=pa.RecordBatch.from_pylist(accepted, schema=contract.schema),
        rejects=rejects,
        checked={},
        failed=dict(Counter((reject.reject_reason, None) for reject in rejects)),
    )


def _second(row: _Row) -> Reject:
    detail = f"{row[ROW_ID]!r} names an earlier picture too"
    return Reject(row[SOURCE_FILE], row[SOURCE_ROW], json.dumps({"name": row[ROW_ID]}), "duplicate_id", detail)


def _reject(raw: RawPicture, code: str, detail: str) -> Reject:
    held = {} if isinstance(raw.encoded, Refusal) else {"bytes": len(raw.encoded)}
    record = json.dumps({"name": raw.row_id, **held}, ensure_ascii=False)
    return Reject(raw.source_file, raw.source_row, record, code, f"{raw.row_id!r} {detail}")

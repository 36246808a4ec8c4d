"""Locate: how well the anomaly maps of a scored table show what the masks of its pictures mark."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anomaly_ae.evaluation.pixels import PixelCounts, PixelMetrics
from anomaly_ae.scoring.maps import load_map
from anomaly_ae.stages.compare import may_be_judged
from anomaly_ae.workspace.dataset import Dataset
from anomaly_ae.workspace.scored_rows import dataset_of, rows_beside

COLUMNS = ("label", "split", "anomaly_map")
BATCH_ROWS = 64
"""Few: masks may be as large as their pictures."""


def judge_maps(scored: Path, *, is_new: bool) -> PixelMetrics | None:
    """Judge the maps of labelled pictures: normal ones whole, anomalies where a mask says which pixels they are.

    Args:
        scored: directory in a workspace's `scored/`.
        is_new: whether the model was made from other pictures; else only its test pictures are judged.

    Returns:
        Pixel metrics; None where the rows are no pictures, or their dataset and so their masks were removed.

    Raises:
        ArtifactError: a map is missing or damaged.
    """
    dataset = dataset_of(scored)
    if dataset is None or dataset.contract.modality != "pictures":
        return None
    counts, unmasked = PixelCounts(), 0
    for row in _judged_rows(scored, dataset, is_new=is_new):
        mask = _mask(row)
        if row["label"] and not mask.any():
            unmasked += 1
        else:
            counts.add(load_map(scored / row["anomaly_map"]), mask)
    return counts.metrics(unmasked)


def _judged_rows(scored: Path, dataset: Dataset, *, is_new: bool) -> Iterator[dict[str, Any]]:
    for rows, pictures in rows_beside(scored, COLUMNS, dataset, ("mask", "width", "height"), BATCH_ROWS):
        both = pa.RecordBatch.from_pydict(
            {name: batch.column(name) for batch in (rows, pictures) for name in batch.schema.names}
        )
        yield from both.filter(may_be_judged(rows, is_new=is_new)).to_pylist()


def _mask(row: dict[str, Any]) -> NDArray[np.bool_]:
    """Return which pixels of a picture are anomalous; none of a normal one, or of one that nobody marked."""
    from PIL import Image  # noqa: PLC0415 - only pictures need it

    if not row["label"] or row["mask"] is None:
        return np.zeros((row["height"], row["width"]), np.bool_)
    return np.asarray(Image.open(io.BytesIO(row["mask"]))) > 0

"""Anomaly maps against masks: normal pictures whole, anomalies where a mask says which pixels they are."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomaly_ae.evaluation.pixels import PixelCounts, PixelMetrics
from anomaly_ae.modalities.modality import ReadBeside
from anomaly_ae.scoring.maps import load_map
from anomaly_ae.storage.locations import Location

BATCH_ROWS = 64
"""Small, as masks may be as large as their pictures."""


def judge_maps(scored: Location, beside: ReadBeside) -> PixelMetrics:
    """Judge the maps of labelled pictures.

    Args:
        scored: directory of the scored table.
        beside: reads the labelled pictures that may be judged.

    Raises:
        ArtifactError: a map is missing or damaged.
    """
    counts, unmasked = PixelCounts(), 0
    for rows, pictures in beside(("label", "anomaly_map"), ("mask", "width", "height"), BATCH_ROWS):
        for row, picture in zip(rows.to_pylist(), pictures.to_pylist(), strict=True):
            mask = _mask(row["label"], picture)
            if row["label"] and not mask.any():
                unmasked += 1
            else:
                counts.add(load_map(scored / row["anomaly_map"]), mask)
    return counts.metrics(unmasked)


def _mask(is_anomaly: bool, picture: dict[str, Any]) -> NDArray[np.bool_]:
    """Return which pixels are anomalous; none of a normal picture, or of one without a mask."""
    from PIL import Image  # noqa: PLC0415 - only pictures need it

    if not is_anomaly or picture["mask"] is None:
        return np.zeros((picture["height"], picture["width"]), np.bool_)
    return np.asarray(Image.open(io.BytesIO(picture["mask"]))) > 0

"""Columns that a scored table of pictures has besides those of every scored table."""

import pyarrow as pa

from anomaly_ae.scoring.schema import BOX, described

SCORED_COLUMNS = (
    described("region", BOX, "box of the hottest area, in pixels of the picture; right and bottom are exclusive"),
    described(
        "anomaly_map", pa.string(), "file of the error at each position: a float16 array that covers the whole picture"
    ),
    described("overlay", pa.string(), "file of the coloured map over the picture; null if none was drawn"),
)

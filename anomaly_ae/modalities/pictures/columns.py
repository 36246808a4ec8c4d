"""Columns that a scored table of pictures has besides those of every scored table."""

import pyarrow as pa

from anomaly_ae.scoring.schema import BOX, described

SCORED_COLUMNS = (
    described(
        "region", BOX, "box of the hottest area, in pixels of the picture; right and bottom are the first outside"
    ),
    described("anomaly_map", pa.string(), "file of the error by place: a float16 array that covers the whole picture"),
    described("overlay", pa.string(), "file of the map in colours over the picture; null where none was drawn"),
)

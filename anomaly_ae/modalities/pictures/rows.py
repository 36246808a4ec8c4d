"""Pictures of a dataset as batches of arrays, read again in every pass, so that memory never holds all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.features.pictures import PICTURE, PictureBatch, read_pictures
from anomaly_ae.ingest.contract import ROW_ID
from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.networks.picture_network import TypicalPicture

ROWS_AT_ONCE = 64
"""Pictures decoded at once."""
_GREY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True)
class PictureRows:
    """Some rows of a dataset of pictures, as a network sees them.

    Attributes:
        dataset: the dataset.
        ids: ids of the rows.
        size: pixels on each side.
        colours: 1 for grey, 3 for red, green and blue.
    """

    dataset: RowStore
    ids: pa.ChunkedArray
    size: int
    colours: int

    @classmethod
    def of(cls, dataset: RowStore, rows: pa.Table, size: int, colours: int) -> Self:
        """Return the rows of a dataset whose ids are in a table."""
        return cls(dataset, rows.column(ROW_ID), size, colours)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.ids)

    def __iter__(self) -> Iterator[PictureBatch]:
        """Yield the pictures in order, batch by batch."""
        for batch in self.dataset.batches([ROW_ID, PICTURE], batch_rows=ROWS_AT_ONCE):
            wanted = batch.filter(pc.is_in(batch.column(ROW_ID), self.ids))
            if wanted.num_rows:
                yield read_pictures(wanted, self.size, self.colours)


def typical_picture(dataset: RowStore, rows: pa.Table) -> TypicalPicture:
    """Return size and colours of the typical picture among those of a table, without decoding any."""
    facts = pa.Table.from_batches(dataset.batches([ROW_ID, "width", "height", "mode"]))
    facts = facts.filter(pc.is_in(facts.column(ROW_ID), rows.column(ROW_ID)))
    grey = pc.all(pc.is_in(facts.column("mode"), pa.array(_GREY_MODES)))
    return TypicalPicture(_median_side(facts), bool(grey.as_py()))


def side_of(dataset: RowStore) -> int:
    """Return the median of the shorter sides of all pictures of a dataset, in pixels, without decoding any."""
    return _median_side(pa.Table.from_batches(dataset.batches(["width", "height"])))


def _median_side(facts: pa.Table) -> int:
    sides = pc.min_element_wise(facts.column("width"), facts.column("height"))
    return int(pc.approximate_median(sides).as_py())

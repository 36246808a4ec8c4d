"""Locate: whether the model points at the right place within each row, where labels say which place is anomalous."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from anomaly_ae.evaluation.pixels import PixelMetrics
from anomaly_ae.modalities import modality_of
from anomaly_ae.stages.compare import may_be_judged
from anomaly_ae.workspace.scored_table import ScoredTable

_JUDGED = ("label", "split")


def locate(table: ScoredTable, *, is_new: bool) -> PixelMetrics | None:
    """Judge the places that the model finds anomalous in labelled rows.

    Args:
        table: the scored table.
        is_new: whether the model was made from other rows; else only its test rows are judged.

    Returns:
        Pixel metrics; None where rows have no places, or their dataset and so their masks were removed.

    Raises:
        ArtifactError: a file beside the rows is missing or damaged.
    """
    dataset = table.dataset
    if dataset is None:
        return None

    def beside(
        columns: Sequence[str], features: Sequence[str], batch_rows: int
    ) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
        names = list(dict.fromkeys((*columns, *_JUDGED)))
        for rows, cells in table.batches_beside(names, dataset, features, batch_rows):
            mask = may_be_judged(rows, is_new=is_new)
            yield rows.filter(mask), cells.filter(mask)

    return modality_of(dataset.contract.modality).locate(table.directory, beside)

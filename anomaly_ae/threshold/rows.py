"""What a model version keeps of its validation rows: enough to calibrate again, by any rule and any segment."""

import pyarrow as pa

from anomaly_ae.ingest.contract import LABEL as SOURCE_LABEL
from anomaly_ae.ingest.contract import ROW_ID, Contract
from anomaly_ae.threshold.sample import LABEL, SCORE, Floats

_KEPT = ("row_id", SCORE, LABEL)


def validation_rows(rows: pa.Table, scores: Floats, contract: Contract) -> pa.Table:
    """Return row id, score and label of validation rows, and the columns that group them, ascending by score.

    Args:
        rows: validation rows of a dataset.
        scores: their anomaly scores, `(n,)`.
        contract: names the columns that group rows; one with the name of a kept column gets an underscore.
    """
    ours = [rows.column(ROW_ID), pa.array(scores), rows.column(SOURCE_LABEL)]
    groupings = [column.name for column in contract.groupings]
    kept = pa.table([*ours, *(rows.column(name) for name in groupings)], [*_KEPT, *map(kept_name, groupings)])
    return kept.sort_by(SCORE)


def kept_name(column: str) -> str:
    """Return the name under which a source column is kept."""
    return f"{column}_" if column in _KEPT else column

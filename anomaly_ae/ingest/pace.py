"""Rows per day of a dataset."""

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.spec import Role


def rows_per_day(dataset: RowStore) -> float | None:
    """Return the mean number of rows over the calendar days that have any; None without a datetime in `data.time`.

    Days that the data cover only in part count as whole days.
    """
    time = dataset.contract.named(Role.TIME)
    if time is None or not pa.types.is_timestamp(dataset.contract.schema.field(time).type):
        return None
    rows, days = 0, set()
    for batch in dataset.batches([time]):
        times = batch.column(time).drop_null()
        rows += len(times)
        days.update(pc.unique(pc.floor_temporal(times, unit="day")).to_pylist())
    return rows / len(days) if days else None

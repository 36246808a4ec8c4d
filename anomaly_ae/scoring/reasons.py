"""Reasons: per row the source columns that add most to the score, with the value seen and the value expected."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anomaly_ae.features.cells import MISSING, MISSING_WHERE_PRESENT
from anomaly_ae.features.datetimes import WEEKDAYS
from anomaly_ae.features.table import TableEncoder
from anomaly_ae.scoring.schema import REASON
from anomaly_ae.scoring.scores import Scores

Indices = NDArray[np.int64]


def reasons(encoder: TableEncoder, rows: pa.Table | pa.RecordBatch, scores: Scores, count: int) -> pa.ListArray:
    """Return for each row its `count` largest contributions, largest first.

    Values are written column by column, only for the rows in which the column is a reason; no row is visited alone.

    Args:
        encoder: knows the columns and what their elements stand for.
        rows: the rows as they are in the dataset.
        scores: of the same rows.
        count: reasons per row; fewer where there are fewer columns.
    """
    contributions = scores.contributions
    count = min(count, contributions.shape[1])
    top = _largest(contributions, count)
    flat = top.ravel()
    # numpy sorts numbers of so few bits by counting them.
    order = np.argsort(flat.astype(np.min_scalar_type(contributions.shape[1])), kind="stable")
    row_of = order // count if count else order
    value, expected = [], []
    for column, places in enumerate(_groups(flat[order], row_of, len(encoder.names))):
        cells = rows.column(encoder.names[column])
        expected.append(encoder.expected(column, scores.reconstruction, places))
        value.append(_as_text(cells.take(pa.array(places)), expected[-1]))
    back = pa.array(_inverse(order))
    fields = [
        pa.array(encoder.names).take(pa.array(flat)),
        _concat(value).take(back),
        _concat(expected).take(back),
        pa.array(np.take_along_axis(contributions, top, axis=1).ravel()),
    ]
    structs = pa.StructArray.from_arrays(fields, fields=list(REASON))
    offsets = pa.array(np.arange(len(top) + 1, dtype=np.int32) * count)
    return pa.ListArray.from_arrays(offsets, structs)


def _largest(contributions: NDArray[np.float64], count: int) -> Indices:
    """Return the columns of each row's `count` largest contributions, largest first, of equal ones the first column.

    One after the other: they are few, and sorting whole rows takes longer.
    """
    left, rows = contributions.copy(), np.arange(len(contributions))
    top = np.empty((len(left), count), np.int64)
    for rank in range(count):
        top[:, rank] = left.argmax(axis=1)
        left[rows, top[:, rank]] = -np.inf
    return top


def _inverse(order: Indices) -> Indices:
    """Return the permutation that undoes one."""
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return back


def _as_text(cells: pa.Array | pa.ChunkedArray, expected: pa.Array) -> pa.Array | pa.ChunkedArray:
    """Write cells as people read them; a missing one says whether that was to be expected."""
    texts = _moments_as_text(cells) if pa.types.is_timestamp(cells.type) else cells.cast(pa.string())
    is_absent = pc.is_null(cells, nan_is_null=True)
    if not pc.any(is_absent).as_py():
        return texts
    absent = pc.if_else(pc.starts_with(expected, MISSING), MISSING, MISSING_WHERE_PRESENT)
    return pc.if_else(is_absent, absent, texts)


def _moments_as_text(cells: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Write moments to the second, with the day of the week, for what is expected names one too."""
    seconds = pc.cast(cells, pa.timestamp("s", tz=cells.type.tz), safe=False)
    # Not strftime, which takes twenty times as long.
    return pc.binary_join_element_wise(seconds.cast(pa.string()), pa.array(WEEKDAYS).take(pc.day_of_week(cells)), " ")


def _groups(columns: Indices, rows: Indices, count: int) -> list[Indices]:
    """Split row numbers, sorted by column, into one array per column."""
    return np.split(rows, np.searchsorted(columns, np.arange(1, count)))


def _concat(arrays: list[pa.Array | pa.ChunkedArray]) -> pa.Array:
    chunks = [chunk for array in arrays for chunk in (array.chunks if isinstance(array, pa.ChunkedArray) else [array])]
    return pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())

"""Reasons: for each row, the source columns that contribute most to the score, with actual and expected value."""

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
    """Return each row's `count` largest contributions, largest first.

    Texts are made column by column, for the rows in which the column is a reason, without a loop over rows.

    Args:
        encoder: decodes elements to values of the source columns.
        rows: rows of the dataset.
        scores: scores of the same rows.
        count: reasons per row; fewer if there are fewer columns.
    """
    contributions = scores.contributions
    count = min(count, contributions.shape[1])
    top = _largest(contributions, count)
    flat = top.ravel()
    # NumPy sorts integers of so few bits in linear time.
    order = np.argsort(flat.astype(np.min_scalar_type(contributions.shape[1])), kind="stable")
    row_of = order // count if count else order
    value, expected = [], []
    for column, indices in enumerate(_groups(flat[order], row_of, len(encoder.names))):
        cells = rows.column(encoder.names[column])
        expected.append(encoder.expected(column, scores.reconstruction, indices))
        value.append(_as_text(cells.take(pa.array(indices)), expected[-1]))
    inverse = pa.array(_inverse(order))
    fields = [
        pa.array(encoder.names).take(pa.array(flat)),
        _concat(value).take(inverse),
        _concat(expected).take(inverse),
        pa.array(np.take_along_axis(contributions, top, axis=1).ravel()),
    ]
    structs = pa.StructArray.from_arrays(fields, fields=list(REASON))
    offsets = pa.array(np.arange(len(top) + 1, dtype=np.int32) * count)
    return pa.ListArray.from_arrays(offsets, structs)


def _largest(contributions: NDArray[np.float64], count: int) -> Indices:
    """Return the columns of each row's `count` largest contributions, largest first, ties in column order.

    They are found one by one, because sorting whole rows takes longer than finding a few.
    """
    remaining, rows = contributions.copy(), np.arange(len(contributions))
    top = np.empty((len(remaining), count), np.int64)
    for rank in range(count):
        top[:, rank] = remaining.argmax(axis=1)
        remaining[rows, top[:, rank]] = -np.inf
    return top


def _inverse(order: Indices) -> Indices:
    """Return the inverse of a permutation."""
    inverse = np.empty_like(order)
    inverse[order] = np.arange(len(order))
    return inverse


def _as_text(cells: pa.Array | pa.ChunkedArray, expected: pa.Array) -> pa.Array | pa.ChunkedArray:
    """Return cells as readable text; the text of a missing cell says whether a value was expected."""
    texts = _datetimes_as_text(cells) if pa.types.is_timestamp(cells.type) else cells.cast(pa.string())
    is_absent = pc.is_null(cells, nan_is_null=True)
    if not pc.any(is_absent).as_py():
        return texts
    absent = pc.if_else(pc.starts_with(expected, MISSING), MISSING, MISSING_WHERE_PRESENT)
    return pc.if_else(is_absent, absent, texts)


def _datetimes_as_text(cells: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return datetimes to the second, followed by the weekday, which the expected value has too."""
    seconds = pc.cast(cells, pa.timestamp("s", tz=cells.type.tz), safe=False)
    # strftime takes twenty times as long.
    return pc.binary_join_element_wise(seconds.cast(pa.string()), pa.array(WEEKDAYS).take(pc.day_of_week(cells)), " ")


def _groups(columns: Indices, rows: Indices, count: int) -> list[Indices]:
    """Split row numbers, sorted by column, into one array per column."""
    return np.split(rows, np.searchsorted(columns, np.arange(1, count)))


def _concat(arrays: list[pa.Array | pa.ChunkedArray]) -> pa.Array:
    chunks = [chunk for array in arrays for chunk in (array.chunks if isinstance(array, pa.ChunkedArray) else [array])]
    return pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())

"""Counts of scores: how many rows of which kind have which score, from one pass over the scored parts.

Memory does not grow with the rows: scores are counted after rounding to 14 binary digits (0.01 % of their value), so
a table of any length comes down to some ten thousand distinct scores; histogram and curves are drawn from those.
What decides an alert is the column `is_anomaly`, never a rounded score.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from anomaly_ae.errors import ArtifactError
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import open_parquet

_DIGITS = 14
BATCH_ROWS = 131_072
SPLITS = (None, "train", "validation", "test")
_LABELS = (None, False, True)
COLUMNS = ("anomaly_score", "is_anomaly", "label", "split")

Array = np.ndarray[Any, np.dtype[Any]]


class Group(NamedTuple):
    """A kind of row: what the source says of it, what the model was made from, what was decided."""

    label: bool | None
    split: str | None
    is_anomaly: bool

    @property
    def is_unseen(self) -> bool:
        """Say whether neither weights nor threshold were made from rows like this."""
        return self.split in (None, "test")


@dataclass(frozen=True)
class Counts:
    """Distinct scores, ascending, and the rows that have each."""

    scores: Array
    rows: Array

    @property
    def total(self) -> int:
        """Number of rows."""
        return int(self.rows.sum())


_EMPTY = Counts(np.empty(0), np.empty(0, dtype=np.int64))


@dataclass(frozen=True)
class Tally:
    """Counts of scores for each group of rows that occurs."""

    groups: dict[Group, Counts] = field(default_factory=dict)

    def add(self, group: Group, scores: Array) -> None:
        """Count the scores of more rows of one group."""
        known = self.groups.get(group, _EMPTY)
        mantissa, exponent = np.frexp(scores)
        rounded = np.ldexp(np.round(np.ldexp(mantissa, _DIGITS)), exponent - _DIGITS)
        self.groups[group] = _merge([known, Counts(rounded, np.ones(len(rounded), dtype=np.int64))])

    def counts(self, keep: Callable[[Group], bool] = lambda _: True) -> Counts:
        """Return the counts of all rows whose group `keep` accepts."""
        return _merge([counts for group, counts in self.groups.items() if keep(group)])

    def total(self, keep: Callable[[Group], bool] = lambda _: True) -> int:
        """Return the number of rows whose group `keep` accepts."""
        return sum(counts.total for group, counts in self.groups.items() if keep(group))


def count_scores(parts: Sequence[Location]) -> Tally:
    """Count the scores of all rows, batch by batch.

    Args:
        parts: the Parquet files of a scored table, in order.

    Raises:
        ArtifactError: a part cannot be read or holds a score that is not a finite number.
    """
    tally = Tally()
    for part in parts:
        for batch in _batches(part):
            scores = _scores(batch, part)
            _count(tally, batch, scores, batch["is_anomaly"].to_numpy(zero_copy_only=False).astype(bool))
    return tally


def _batches(part: Location) -> Iterator[pa.RecordBatch]:
    try:
        with open_parquet(part) as file:
            yield from file.iter_batches(batch_size=BATCH_ROWS, columns=list(COLUMNS))
    except (pa.ArrowException, OSError) as error:
        msg = f"{part} cannot be read as part of a scored table: {error}"
        raise ArtifactError(msg) from error


def _scores(batch: pa.RecordBatch, part: Location) -> Array:
    missing = [name for name in COLUMNS if name not in batch.schema.names]
    if missing:
        msg = f"{part} lacks the columns {missing} of a scored table"
        raise ArtifactError(msg)
    scores: Array = batch["anomaly_score"].to_numpy(zero_copy_only=False).astype(np.float64)
    if not np.isfinite(scores).all() or batch["is_anomaly"].null_count:
        msg = f"{part} holds a row without a finite anomaly_score or without is_anomaly; score the source again"
        raise ArtifactError(msg)
    return scores


def _count(tally: Tally, batch: pa.RecordBatch, scores: Array, alerts: Array) -> None:
    label, split = _codes(batch["label"], _LABELS), _codes(batch["split"], SPLITS)
    codes = (label * len(SPLITS) + split) * 2 + alerts
    for code in np.unique(codes):
        kind, is_anomaly = divmod(int(code), 2)
        label_code, split_code = divmod(kind, len(SPLITS))
        tally.add(Group(_LABELS[label_code], SPLITS[split_code], bool(is_anomaly)), scores[codes == code])


def _codes(column: pa.Array, values: Sequence[Any]) -> Array:
    """Number each cell by its place in `values`; the first, None, also stands for what is not in them."""
    encoded = column.dictionary_encode()
    lookup = [values.index(value) if value in values else 0 for value in encoded.dictionary.to_pylist()]
    codes: Array = np.array([*lookup, 0])[encoded.indices.fill_null(len(lookup)).to_numpy(zero_copy_only=False)]
    return codes


def _merge(several: Sequence[Counts]) -> Counts:
    if not several:
        return _EMPTY
    scores, inverse = np.unique(np.concatenate([counts.scores for counts in several]), return_inverse=True)
    rows = np.zeros(len(scores), dtype=np.int64)
    np.add.at(rows, inverse, np.concatenate([counts.rows for counts in several]))
    return Counts(scores, rows)

"""Profiles: what each feature column held among the train rows, as counts in bins that new rows can be counted into.

Bins are chosen on every second train row and counted on the others. Chosen and counted on the same rows, the commonest
levels of a column of many would look commoner than they are, and every new batch would seem to have drifted.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Protocol, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from anomaly_ae.features.cells import MISSING, Column, as_float, is_missing
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.spec import Role, Section

Counts: TypeAlias = NDArray[np.int64]

BINS = 20
LANDMARKS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles between which a numeric column is described; its bins are finer."""
KEPT_LEVELS = 50
OTHER = "another level"
HOURS = 24


class NumericProfile(Section):
    """A numeric column.

    Attributes:
        edges: upper ends of the bins, ascending, but for the last bin, which is open. The first bin lies below
            everything seen, the last above it.
        counts: counted train rows in each bin, then of missing cells.
        landmarks: those of the edges at which the description is cut.
        low: below it lie 5 % of the train rows' values; None where all are missing.
        median: of the train rows' values.
        high: above it lie 5 %; from `low` to `high` is the normal range.
        missing_share: of the train rows.
    """

    kind: Literal["numeric"] = "numeric"
    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    landmarks: tuple[float, ...]
    low: float | None
    median: float | None
    high: float | None
    missing_share: float

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract) -> Self:
        """Learn the column from the train rows."""
        values = as_float(column)
        known, chosen = values[~np.isnan(values)], values[::2][~np.isnan(values[::2])]
        low, median, high = np.quantile(known, [0.05, 0.5, 0.95]).tolist() if len(known) else (None, None, None)
        edges = _edges(chosen)
        empty = cls(
            name=contract.name,
            edges=edges,
            counts=(),
            landmarks=tuple(np.unique(_quantiles(chosen, LANDMARKS)).tolist()),
            low=low,
            median=median,
            high=high,
            missing_share=_missing_share(column),
        )
        return empty.model_copy(update={"counts": tuple(empty.count(column[1::2]).tolist())})

    def count(self, column: Column) -> Counts:
        """Count cells in each bin, then missing ones."""
        values = as_float(column)
        places = np.searchsorted(self.edges, values, side="left")
        return np.bincount(np.where(np.isnan(values), len(self.edges) + 1, places), minlength=len(self.edges) + 2)

    @property
    def groups(self) -> tuple[str, ...]:
        """Name for each bin what it is described as."""
        marks = [f"{mark:.6g}" for mark in self.landmarks]
        ranges = [f"{low} to {high}" for low, high in pairwise(marks)]
        names = [f"up to {marks[0]}", *ranges, f"above {marks[-1]}"] if marks else ["a value"]
        places = [*np.searchsorted(self.landmarks, self.edges, side="left"), len(names) - 1]
        return (*(names[place] for place in places), MISSING)


class LevelsProfile(Section):
    """A column of levels, or of truth values.

    Attributes:
        levels: the commonest, in that order.
        counts: counted train rows of each level, of any other, and of missing cells.
        missing_share: of the train rows.
    """

    kind: Literal["levels"] = "levels"
    name: str
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    missing_share: float

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract) -> Self:
        """Learn the column from the train rows."""
        chosen = pc.value_counts(_as_text(column[::2]).drop_null()).to_pylist()
        ranked = sorted(chosen, key=lambda level: (-level["counts"], level["values"]))
        levels = tuple(level["values"] for level in ranked[:KEPT_LEVELS])
        empty = cls(name=contract.name, levels=levels, counts=(), missing_share=_missing_share(column))
        return empty.model_copy(update={"counts": tuple(empty.count(column[1::2]).tolist())})

    def count(self, column: Column) -> Counts:
        """Count cells of each level, of any other, then missing ones."""
        cells = _as_text(column)
        place = pc.index_in(cells, pa.array(self.levels, pa.string())).fill_null(len(self.levels))
        places = np.where(is_missing(cells), len(self.levels) + 1, place.to_numpy(zero_copy_only=False))
        return np.bincount(places, minlength=len(self.levels) + 2)

    @property
    def groups(self) -> tuple[str, ...]:
        """Name for each bin what it is described as."""
        return (*(repr(level) for level in self.levels), OTHER, MISSING)


class HoursProfile(Section):
    """A datetime column, by the hour of the day: dates move on by themselves, hours only if something changed.

    Attributes:
        counts: counted train rows of each hour, then of missing cells.
        missing_share: of the train rows.
    """

    kind: Literal["hours"] = "hours"
    name: str
    counts: tuple[int, ...]
    missing_share: float

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract) -> Self:
        """Learn the column from the train rows."""
        empty = cls(name=contract.name, counts=(), missing_share=_missing_share(column))
        return empty.model_copy(update={"counts": tuple(empty.count(column[1::2]).tolist())})

    def count(self, column: Column) -> Counts:
        """Count cells of each hour, then missing ones."""
        hours = pc.fill_null(pc.hour(column), HOURS).to_numpy(zero_copy_only=False)
        return np.bincount(hours, minlength=HOURS + 1)

    @property
    def groups(self) -> tuple[str, ...]:
        """Name for each bin what it is described as."""
        return (*(f"{hour:02d}:00 to {hour:02d}:59" for hour in range(HOURS)), MISSING)


class ColumnProfile(Protocol):
    """What every profile of a column has."""

    @property
    def name(self) -> str:
        """The column."""

    @property
    def counts(self) -> tuple[int, ...]:
        """Counted train rows in each bin, the last for missing cells."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Name for each bin what it is described as; bins of one name are one in a description."""

    def count(self, column: Column) -> Counts:
        """Count the cells of new rows in the same bins."""


_KINDS: dict[Role, type[NumericProfile | LevelsProfile | HoursProfile]] = {
    Role.NUMERIC: NumericProfile,
    Role.BOOLEAN: LevelsProfile,
    Role.CATEGORICAL: LevelsProfile,
    Role.DATETIME: HoursProfile,
}


class Profile(Section):
    """The feature columns of the train rows, in contract order; `profile.json` of a model version."""

    columns: tuple[Annotated[NumericProfile | LevelsProfile | HoursProfile, Field(discriminator="kind")], ...] = ()

    @classmethod
    def fit(cls, rows: pa.Table, contracts: Sequence[ColumnContract]) -> Self:
        """Learn the columns from train rows.

        Args:
            rows: train rows, with the columns that `contracts` names.
            contracts: contracts of the feature columns; one of another kind than a table's is left out.
        """
        return cls(columns=tuple(_KINDS[one.role].fit(rows[one.name], one) for one in contracts if one.role in _KINDS))

    def count(self, rows: pa.Table | pa.RecordBatch) -> list[Counts]:
        """Count the cells of new rows, one array a column."""
        return [column.count(rows.column(column.name)) for column in self.columns]


def _quantiles(values: NDArray[np.float64], shares: Sequence[float]) -> NDArray[np.float64]:
    return np.quantile(values, shares, method="inverted_cdf") if len(values) else np.empty(0)


def _edges(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the ends of bins of about equal counts, of one bin below all values and of one above."""
    if len(values) == 0:
        return ()
    inner = _quantiles(values, [step / BINS for step in range(1, BINS)])
    return tuple(np.unique([np.nextafter(values.min(), -np.inf), *inner, values.max()]).tolist())


def _as_text(column: Column) -> Column:
    return pc.cast(column, pa.string())


def _missing_share(column: Column) -> float:
    return float(is_missing(column).mean()) if len(column) else 0.0

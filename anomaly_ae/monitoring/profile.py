"""Profiles: what each feature column held among the train rows, as counts in bins that new rows can be counted into.

Bins are chosen on every second train row and counted on the others. Chosen and counted on the same rows, the most
frequent of many categories would look more frequent than they are, and every new batch would seem to have drifted.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Protocol, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import AliasChoices, Field

from anomaly_ae.features.cells import MISSING, Column, as_float, is_missing
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.spec import Role, Section

Counts: TypeAlias = NDArray[np.int64]

BINS = 20
_LANDMARKS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles between which a numeric column is described; its bins are finer."""
MAX_CATEGORIES = 50
_OTHER = "another category"
_HOURS = 24


class NumericProfile(Section):
    """A numeric column.

    Attributes:
        edges: upper ends of the bins, ascending; the last bin is open. The first bin is below all values seen, the
            last above them.
        counts: counted train rows in each bin, then of missing cells.
        landmarks: the edges between which the column is described.
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
            landmarks=tuple(np.unique(_quantiles(chosen, _LANDMARKS)).tolist()),
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
        """Return the name under which each bin is described."""
        marks = [f"{mark:.6g}" for mark in self.landmarks]
        ranges = [f"{low} to {high}" for low, high in pairwise(marks)]
        names = [f"up to {marks[0]}", *ranges, f"above {marks[-1]}"] if marks else ["a value"]
        places = [*np.searchsorted(self.landmarks, self.edges, side="left"), len(names) - 1]
        return (*(names[place] for place in places), MISSING)


class CategoriesProfile(Section):
    """A categorical or boolean column.

    Attributes:
        categories: the most frequent ones, in that order.
        counts: counted train rows of each category, of any other, and of missing cells.
        missing_share: of the train rows.
    """

    kind: Literal["categories", "levels"] = "categories"  # "levels" in earlier versions
    name: str
    categories: tuple[str, ...] = Field(validation_alias=AliasChoices("categories", "levels"))
    counts: tuple[int, ...]
    missing_share: float

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract) -> Self:
        """Learn the column from the train rows."""
        chosen = pc.value_counts(_as_text(column[::2]).drop_null()).to_pylist()
        ranked = sorted(chosen, key=lambda category: (-category["counts"], category["values"]))
        categories = tuple(category["values"] for category in ranked[:MAX_CATEGORIES])
        empty = cls(name=contract.name, categories=categories, counts=(), missing_share=_missing_share(column))
        return empty.model_copy(update={"counts": tuple(empty.count(column[1::2]).tolist())})

    def count(self, column: Column) -> Counts:
        """Count the cells of each category, of any other, then the missing ones."""
        cells = _as_text(column)
        place = pc.index_in(cells, pa.array(self.categories, pa.string())).fill_null(len(self.categories))
        places = np.where(is_missing(cells), len(self.categories) + 1, place.to_numpy(zero_copy_only=False))
        return np.bincount(places, minlength=len(self.categories) + 2)

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the name under which each bin is described."""
        return (*(repr(category) for category in self.categories), _OTHER, MISSING)


class HoursProfile(Section):
    """A datetime column, by the hour of the day: dates always move on, hours only if something changed.

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
        hours = pc.fill_null(pc.hour(column), _HOURS).to_numpy(zero_copy_only=False)
        return np.bincount(hours, minlength=_HOURS + 1)

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the name under which each bin is described."""
        return (*(f"{hour:02d}:00 to {hour:02d}:59" for hour in range(_HOURS)), MISSING)


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
        """Return the name under which each bin is described; bins of one name are described together."""

    def count(self, column: Column) -> Counts:
        """Count the cells of new rows in the same bins."""


_KINDS: dict[Role, type[NumericProfile | CategoriesProfile | HoursProfile]] = {
    Role.NUMERIC: NumericProfile,
    Role.BOOLEAN: CategoriesProfile,
    Role.CATEGORICAL: CategoriesProfile,
    Role.DATETIME: HoursProfile,
}


class Profile(Section):
    """The feature columns of the train rows, in contract order; `profile.json` of a model version."""

    columns: tuple[Annotated[NumericProfile | CategoriesProfile | HoursProfile, Field(discriminator="kind")], ...] = ()

    @classmethod
    def fit(cls, rows: pa.Table, contracts: Sequence[ColumnContract]) -> Self:
        """Learn the columns from train rows.

        Args:
            rows: train rows, with the columns that `contracts` names.
            contracts: contracts of the feature columns; columns of pictures are left out.
        """
        return cls(
            columns=tuple(
                _KINDS[column.role].fit(rows[column.name], column) for column in contracts if column.role in _KINDS
            )
        )

    def count(self, rows: pa.Table | pa.RecordBatch) -> list[Counts]:
        """Count the cells of new rows, one array a column."""
        return [column.count(rows.column(column.name)) for column in self.columns]


def _quantiles(values: NDArray[np.float64], shares: Sequence[float]) -> NDArray[np.float64]:
    return np.quantile(values, shares, method="inverted_cdf") if len(values) else np.empty(0)


def _edges(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the ends of bins of about equal counts, with one bin below all values and one above."""
    if len(values) == 0:
        return ()
    inner = _quantiles(values, [step / BINS for step in range(1, BINS)])
    return tuple(np.unique([np.nextafter(values.min(), -np.inf), *inner, values.max()]).tolist())


def _as_text(column: Column) -> Column:
    return pc.cast(column, pa.string())


def _missing_share(column: Column) -> float:
    return float(is_missing(column).mean()) if len(column) else 0.0

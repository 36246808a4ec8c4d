"""Columns of levels: truth values and categories."""

from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anomaly_ae.features.cells import (
    ALWAYS_MISSING,
    MIN_STD_OF_FLAG,
    Column,
    Mask,
    Missing,
    Raw,
    as_float,
    how_missing,
    is_missing,
    least_std_of_missing,
    missing_element,
    stack,
    surprising_absence,
    with_share,
)
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.spec import FeatureSpec, Section

OTHER = "(rare level)"


class BooleanColumn(Section):
    """A truth value: one element, plus one for missing cells if train rows had some.

    Attributes:
        seen: values that occur, false before true.
        shares: of the train rows that hold each of them.
    """

    kind: Literal["boolean"] = "boolean"
    name: str
    missing: Missing
    seen: tuple[bool, ...]
    shares: tuple[float, ...]

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract, spec: FeatureSpec) -> Self:  # noqa: ARG003 - one signature
        """Learn which values occur and whether cells may be missing."""
        counts = _counts(column)
        seen = tuple(sorted(counts))
        shares = tuple(counts[value] / len(column) for value in seen)
        return cls(name=contract.name, missing=how_missing(column), seen=seen, shares=shares)

    @property
    def least_std(self) -> tuple[float, ...]:
        """Least standard deviation to divide each element by; as long as there are elements."""
        return (*(MIN_STD_OF_FLAG,) * self._varies, *least_std_of_missing(self.missing))

    def raw(self, column: Column) -> Raw:
        """Return the raw elements of the cells, `(n, width)`."""
        value = [as_float(column)] if self._varies else []
        return stack([*value, *missing_element(column, self.missing)], len(column))

    def surprise(self, column: Column) -> Mask:
        """Say which cells hold what no train row held."""
        absent = surprising_absence(column, self.missing)
        if self._varies or not self.seen:
            return absent
        values = as_float(column)
        moved: Mask = ~np.isnan(values) & (values != self.seen[0])
        return absent | moved

    def expected(self, raw: Raw) -> pa.Array:
        """Say as text which value the reconstruction stands for, and how often train rows held it."""
        words = [with_share(str(value).lower(), share) for value, share in zip(self.seen, self.shares, strict=True)]
        index = raw[:, 0] > 0.5 if self._varies else np.zeros(len(raw))
        return pa.array(words or [ALWAYS_MISSING], pa.string()).take(pa.array(index.astype(np.int64)))

    @property
    def _varies(self) -> bool:
        return len(self.seen) > 1


class CategoricalColumn(Section):
    """A level: one element per frequent level, one for all rare levels, one for missing if train rows had missing.

    Attributes:
        levels: frequent levels, most frequent first.
        rare: levels seen in train, but too rarely for an element of their own.
        shares: of the train rows that hold each frequent level, and last, if there are rare levels, any of those.
    """

    kind: Literal["categorical"] = "categorical"
    name: str
    missing: Missing
    levels: tuple[str, ...]
    rare: tuple[str, ...] = ()
    shares: tuple[float, ...]

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract, spec: FeatureSpec) -> Self:
        """Count the levels; keep apart the frequent ones."""
        counts = _counts(column)
        ranked = sorted(counts, key=lambda level: (-counts[level], level))
        kept = [level for level in ranked[: spec.max_categories] if counts[level] >= spec.min_category_rows]
        levels = kept or ranked[:1]
        rare = ranked[len(levels) :]
        held = [counts[level] for level in levels] + ([sum(counts[level] for level in rare)] if rare else [])
        return cls(
            name=contract.name,
            missing=how_missing(column),
            levels=tuple(levels),
            rare=tuple(rare),
            shares=tuple(count / len(column) for count in held),
        )

    @property
    def least_std(self) -> tuple[float, ...]:
        """Least standard deviation to divide each element by; as long as there are elements."""
        return (*(MIN_STD_OF_FLAG,) * self._kinds, *least_std_of_missing(self.missing))

    def raw(self, column: Column) -> Raw:
        """Return the raw elements of the cells, `(n, width)`; NaN for an unseen level or a missing cell."""
        codes = self._codes(column)
        one_hot = (codes[:, None] == np.arange(self._kinds)).astype(np.float64)
        one_hot[codes < 0] = np.nan
        return stack([*one_hot.T, *missing_element(column, self.missing)], len(column))

    def surprise(self, column: Column) -> Mask:
        """Say which cells hold a level, or a missing cell, that no train row held."""
        unseen = (self._codes(column) < 0) & ~is_missing(column)
        return unseen | surprising_absence(column, self.missing)

    def expected(self, raw: Raw) -> pa.Array:
        """Say which level the reconstruction stands for most, and how often train rows held it."""
        words = [with_share(level, share) for level, share in zip([*self.levels, OTHER], self.shares, strict=False)]
        index = np.argmax(raw[:, : self._kinds], axis=1) if self._kinds else np.zeros(len(raw), np.int64)
        return pa.array(words or [ALWAYS_MISSING], pa.string()).take(pa.array(index))

    @property
    def _kinds(self) -> int:
        """Elements for levels; none where there is only one level, which says nothing."""
        kinds = len(self.levels) + bool(self.rare)
        return kinds if kinds > 1 else 0

    def _codes(self, column: Column) -> NDArray[np.int64]:
        """Return the index of each cell's level, all rare ones sharing the last; -1 for unseen and missing."""
        known = pa.array([*self.levels, *self.rare], pa.string())
        codes = pc.fill_null(pc.index_in(column, value_set=known), -1)
        numbers: NDArray[np.int64] = codes.to_numpy(zero_copy_only=False).astype(np.int64)
        return np.minimum(numbers, len(self.levels))


def _counts(column: Column) -> dict[Any, int]:
    """Count how many cells hold each value."""
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column.drop_null()).to_pylist()}

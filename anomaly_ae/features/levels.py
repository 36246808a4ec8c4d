"""Columns of levels: truth values and categories."""

from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anomaly_ae.features.cells import (
    LEAST_STD_OF_FLAG,
    MISSING,
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
)
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.spec import FeatureSpec, Section

OTHER = "(rare level)"


class BooleanColumn(Section):
    """A truth value: one element, plus one for missing cells if train rows had some."""

    kind: Literal["boolean"] = "boolean"
    name: str
    missing: Missing
    seen: tuple[bool, ...]

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract, spec: FeatureSpec) -> Self:  # noqa: ARG003 - one signature
        """Learn which values occur and whether cells may be missing."""
        seen = sorted(pc.unique(column.drop_null()).to_pylist())
        return cls(name=contract.name, missing=how_missing(column), seen=tuple(seen))

    @property
    def least_std(self) -> tuple[float, ...]:
        """Least standard deviation to divide each element by; as long as there are elements."""
        return (*(LEAST_STD_OF_FLAG,) * self._varies, *least_std_of_missing(self.missing))

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
        """Say as text which value the reconstruction stands for."""
        if not self._varies:
            return pa.array([str(self.seen[0]).lower() if self.seen else MISSING] * len(raw), pa.string())
        return pa.array(raw[:, 0] > 0.5).cast(pa.string())

    @property
    def _varies(self) -> bool:
        return len(self.seen) > 1


class CategoricalColumn(Section):
    """A level: one element per frequent level, one for all rare levels, one for missing if train rows had missing.

    Attributes:
        levels: frequent levels, most frequent first.
        rare: levels seen in train, but too rarely for an element of their own.
    """

    kind: Literal["categorical"] = "categorical"
    name: str
    missing: Missing
    levels: tuple[str, ...]
    rare: tuple[str, ...] = ()

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract, spec: FeatureSpec) -> Self:
        """Count the levels; keep apart the frequent ones."""
        counts = [(entry["values"], entry["counts"]) for entry in pc.value_counts(column.drop_null()).to_pylist()]
        ranked = sorted(counts, key=lambda level: (-level[1], level[0]))
        kept = [level for level, count in ranked[: spec.max_levels] if count >= spec.min_level_rows]
        levels = kept or [level for level, _ in ranked[:1]]
        rare = [level for level, _ in ranked[len(levels) :]]
        return cls(name=contract.name, missing=how_missing(column), levels=tuple(levels), rare=tuple(rare))

    @property
    def least_std(self) -> tuple[float, ...]:
        """Least standard deviation to divide each element by; as long as there are elements."""
        return (*(LEAST_STD_OF_FLAG,) * self._kinds, *least_std_of_missing(self.missing))

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
        """Say which level the reconstruction stands for most."""
        if self._kinds == 0:
            return pa.array([self.levels[0] if self.levels else MISSING] * len(raw), pa.string())
        names = pa.array([*self.levels, OTHER], pa.string())
        return names.take(pa.array(np.argmax(raw[:, : self._kinds], axis=1)))

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

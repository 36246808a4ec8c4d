"""Boolean and categorical columns."""

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
    min_std_of_missing,
    missing_element,
    stack,
    surprising_absence,
    with_share,
)
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.spec import FeatureSpec, Section

_RARE = "(rare category)"


class BooleanColumn(Section):
    """A boolean column: one element, plus one for missing cells if any were missing in train.

    Attributes:
        seen: values that occur, false before true.
        shares: share of the train rows that hold each of them.
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
    def min_std(self) -> tuple[float, ...]:
        """Smallest standard deviation to divide each element by, `(width,)`."""
        return (*(MIN_STD_OF_FLAG,) * self._varies, *min_std_of_missing(self.missing))

    def raw(self, column: Column) -> Raw:
        """Return the raw elements of the cells, `(n, width)`."""
        value = [as_float(column)] if self._varies else []
        return stack([*value, *missing_element(column, self.missing)], len(column))

    def surprise(self, column: Column) -> Mask:
        """Return which cells hold a value, or a gap, unseen in train."""
        absent = surprising_absence(column, self.missing)
        if self._varies or not self.seen:
            return absent
        values = as_float(column)
        unseen: Mask = ~np.isnan(values) & (values != self.seen[0])
        return absent | unseen

    def expected(self, raw: Raw) -> pa.Array:
        """Return as text the value each reconstruction stands for, and its share of the train rows."""
        texts = [with_share(str(value).lower(), share) for value, share in zip(self.seen, self.shares, strict=True)]
        index = raw[:, 0] > 0.5 if self._varies else np.zeros(len(raw))
        return pa.array(texts or [ALWAYS_MISSING], pa.string()).take(pa.array(index.astype(np.int64)))

    @property
    def _varies(self) -> bool:
        return len(self.seen) > 1


class CategoricalColumn(Section):
    """A categorical column: one element per frequent category, one for all rare ones, one for missing cells if any.

    Attributes:
        categories: frequent categories, most frequent first.
        rare: categories seen in train, but too rarely for elements of their own.
        shares: share of the train rows that hold each frequent category; last, if there are rare ones, any of those.
    """

    kind: Literal["categorical"] = "categorical"
    name: str
    missing: Missing
    categories: tuple[str, ...]
    rare: tuple[str, ...] = ()
    shares: tuple[float, ...]

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract, spec: FeatureSpec) -> Self:
        """Count the categories and tell frequent from rare ones."""
        counts = _counts(column)
        ranked = sorted(counts, key=lambda category: (-counts[category], category))
        top = ranked[: spec.max_categories]
        categories = [category for category in top if counts[category] >= spec.min_category_rows] or ranked[:1]
        rare = ranked[len(categories) :]
        rows = [counts[category] for category in categories]
        if rare:
            rows.append(sum(counts[category] for category in rare))
        return cls(
            name=contract.name,
            missing=how_missing(column),
            categories=tuple(categories),
            rare=tuple(rare),
            shares=tuple(count / len(column) for count in rows),
        )

    @property
    def min_std(self) -> tuple[float, ...]:
        """Smallest standard deviation to divide each element by, `(width,)`."""
        return (*(MIN_STD_OF_FLAG,) * self._one_hot_width, *min_std_of_missing(self.missing))

    def raw(self, column: Column) -> Raw:
        """Return the raw elements of the cells, `(n, width)`; NaN for an unseen category or a missing cell."""
        codes = self._codes(column)
        one_hot = (codes[:, None] == np.arange(self._one_hot_width)).astype(np.float64)
        one_hot[codes < 0] = np.nan
        return stack([*one_hot.T, *missing_element(column, self.missing)], len(column))

    def surprise(self, column: Column) -> Mask:
        """Return which cells hold a category, or a gap, unseen in train."""
        unseen = (self._codes(column) < 0) & ~is_missing(column)
        return unseen | surprising_absence(column, self.missing)

    def expected(self, raw: Raw) -> pa.Array:
        """Return the most likely category of each reconstruction, and its share of the train rows."""
        names = [*self.categories, _RARE]
        texts = [with_share(name, share) for name, share in zip(names, self.shares, strict=False)]
        index = (
            np.argmax(raw[:, : self._one_hot_width], axis=1) if self._one_hot_width else np.zeros(len(raw), np.int64)
        )
        return pa.array(texts or [ALWAYS_MISSING], pa.string()).take(pa.array(index))

    @property
    def _one_hot_width(self) -> int:
        """Number of one-hot elements; 0 if there is only one category, which carries no information."""
        width = len(self.categories) + bool(self.rare)
        return width if width > 1 else 0

    def _codes(self, column: Column) -> NDArray[np.int64]:
        """Return the index of each cell's category, one index for all rare ones; -1 for unseen and missing."""
        known = pa.array([*self.categories, *self.rare], pa.string())
        codes = pc.fill_null(pc.index_in(column, value_set=known), -1)
        numbers: NDArray[np.int64] = codes.to_numpy(zero_copy_only=False).astype(np.int64)
        return np.minimum(numbers, len(self.categories))


def _counts(column: Column) -> dict[Any, int]:
    """Count how many cells hold each value."""
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column.drop_null()).to_pylist()}

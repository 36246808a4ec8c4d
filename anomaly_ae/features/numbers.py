"""Numeric columns: the value, a view mapped through the train quantiles, and whether the cell is missing."""

from typing import Literal, Self

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from anomaly_ae.features.cells import (
    ALWAYS_MISSING,
    Column,
    Mask,
    Missing,
    Raw,
    as_float,
    how_missing,
    is_close,
    min_std_of_missing,
    missing_element,
    round_significant,
    stack,
    surprising_absence,
)
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.spec import FeatureSpec, Section

View = Literal["standard", "quantile", "tempered"]
_VIEWS: dict[str, tuple[View, ...]] = {
    "standard": ("standard",),
    "quantile": ("quantile",),
    "tempered": ("tempered",),
    "both": ("standard", "quantile"),
}
_QUANTILE_KNOTS = 1025
_NORMAL_SHARE: dict[View, float] = {"quantile": 1.0, "tempered": 0.5}
"""Weight of the normal score in a mapped view; the rest is the standardised value, which preserves some distances."""
_MIN_STD: dict[View, float] = {"standard": 0.0, "quantile": 1.0, "tempered": 1.0}
"""Smallest standard deviations: normal scores already have unit scale, and a column with many ties is not stretched."""


class NumericColumn(Section):
    """A numeric column: the value, the value mapped to a normal by the train quantiles (fully or half-way), or both.

    Raw elements: `(n, views)`, plus one that is 1 for missing cells if any were missing in train.
    """

    kind: Literal["numeric"] = "numeric"
    name: str
    views: tuple[View, ...]
    missing: Missing
    constant: float | None = None
    knots: tuple[float, ...] = ()
    normal: tuple[float, ...] = ()
    spread: float = 1.0

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract, spec: FeatureSpec) -> Self:
        """Learn the quantiles, and whether the column is constant and cells may be missing."""
        known = as_float(column.drop_null())
        known = known[~np.isnan(known)]
        constant = _constant_of(known)
        views = _views(known, spec) if constant is None and len(known) else ()
        mapped = next((view for view in views if view in _NORMAL_SHARE), None)
        knots, normal = _normal_scores(known, _NORMAL_SHARE[mapped]) if mapped else (np.empty(0), np.empty(0))
        return cls(
            name=contract.name,
            views=views,
            missing=how_missing(column),
            constant=constant,
            knots=tuple(knots.tolist()),
            normal=tuple(normal.tolist()),
            spread=_spread(known) if mapped else 1.0,
        )

    @property
    def min_std(self) -> tuple[float, ...]:
        """Smallest standard deviation to divide each element by, `(width,)`."""
        return (*(_MIN_STD[view] for view in self.views), *min_std_of_missing(self.missing))

    def raw(self, column: Column) -> Raw:
        """Return the raw elements of the cells, `(n, width)`."""
        values = as_float(column)
        views = [values if view == "standard" else self._to_normal(values) for view in self.views]
        return stack([*views, *missing_element(column, self.missing)], len(column))

    def surprise(self, column: Column) -> Mask:
        """Return which cells hold a gap unseen in train, or differ from a column's constant."""
        absent = surprising_absence(column, self.missing)
        if self.constant is None:
            return absent
        values = as_float(column)
        return absent | (~np.isnan(values) & ~is_close(values, self.constant))

    def expected(self, raw: Raw) -> pa.Array:
        """Return as text the value each reconstruction stands for, in units of the source."""
        if not self.views:
            constant = pa.array([self.constant], pa.float64()).cast(pa.string())[0].as_py()
            return pa.array([constant or ALWAYS_MISSING] * len(raw), pa.string())
        values = raw[:, 0] if self.views[0] == "standard" else self._from_normal(raw[:, 0])
        return round_significant(values).cast(pa.string())

    def _to_normal(self, values: Raw) -> Raw:
        # Beyond the train range the map is linear in standard deviations, so that farther stays more anomalous.
        beyond = (values - np.clip(values, self.knots[0], self.knots[-1])) / self.spread
        mapped: Raw = np.interp(values, self.knots, self.normal) + beyond
        return mapped

    def _from_normal(self, normal: Raw) -> Raw:
        values: Raw = np.interp(normal, self.normal, self.knots)
        return values


def _views(known: Raw, spec: FeatureSpec) -> tuple[View, ...]:
    """Return the views the spec asks for; "auto" maps a heavy-tailed column half-way to a normal."""
    if spec.numeric != "auto":
        return _VIEWS[spec.numeric]
    from scipy.stats import kurtosis  # noqa: PLC0415 - takes a second to import, and scoring does not need it

    is_heavy = kurtosis(known / np.abs(known).max()) > spec.max_kurtosis
    return _VIEWS["tempered" if is_heavy else "standard"]


def _normal_scores(known: Raw, share: float) -> tuple[Raw, Raw]:
    """Return at most `_QUANTILE_KNOTS` distinct values and what they are mapped to.

    A value is mapped to `share` times the normal score of its mid-rank plus `1 - share` times its standardised value.
    """
    values, counts = np.unique(known, return_counts=True)
    rank = (np.cumsum(counts) - counts / 2) / len(known)
    kept = np.unique(np.searchsorted(rank, np.linspace(rank[0], rank[-1], _QUANTILE_KNOTS)))
    spread = _spread(known)
    standard = values[kept] / spread - (known / spread).mean()
    return values[kept], share * ndtri(rank[kept]) + (1 - share) * standard


def _spread(known: Raw) -> float:
    """Return the standard deviation; values are scaled before squaring, so that 1e300 does not overflow."""
    scale = float(np.abs(known).max())
    return float((known / scale).std()) * scale


def _constant_of(known: Raw) -> float | None:
    """Return the value of a column that is constant up to rounding, or None."""
    if len(known) == 0:
        return None
    middle = float(np.median(known))
    return middle if is_close(known, middle).all() else None

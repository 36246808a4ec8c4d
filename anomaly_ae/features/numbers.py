"""A numeric column: its value, a view of it through the train quantiles, and whether it is missing."""

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
    least_std_of_missing,
    missing_element,
    round_significant,
    stack,
    surprising_absence,
)
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.spec import FeatureSpec, Section

View = Literal["standard", "quantile", "tempered"]
VIEWS: dict[str, tuple[View, ...]] = {
    "standard": ("standard",),
    "quantile": ("quantile",),
    "tempered": ("tempered",),
    "both": ("standard", "quantile"),
}
QUANTILE_KNOTS = 1025
NORMAL_SHARE: dict[View, float] = {"quantile": 1.0, "tempered": 0.5}
"""Of the normal score in a mapped view; the rest is the standardised value, which keeps some of the distances."""
MIN_STD: dict[View, float] = {"standard": 0.0, "quantile": 1.0, "tempered": 1.0}
"""Normal scores are on the scale of standard deviations already; a column of many ties is not blown up to it."""


class NumericColumn(Section):
    """A number: its value, its value mapped to a normal by the train quantiles or half-way to it, or two of these.

    Raw elements: `(n, views)`, plus one that is 1 where the cell is missing if train rows had missing cells.
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
        """Learn range, quantiles and whether cells may be missing."""
        known = as_float(column.drop_null())
        known = known[~np.isnan(known)]
        constant = _constant_of(known)
        views = _views(known, spec) if constant is None and len(known) else ()
        mapped = next((view for view in views if view in NORMAL_SHARE), None)
        knots, normal = _normal_scores(known, NORMAL_SHARE[mapped]) if mapped else (np.empty(0), np.empty(0))
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
    def least_std(self) -> tuple[float, ...]:
        """Least standard deviation to divide each element by; as long as there are elements."""
        return (*(MIN_STD[view] for view in self.views), *least_std_of_missing(self.missing))

    def raw(self, column: Column) -> Raw:
        """Return the raw elements of the cells, `(n, width)`."""
        values = as_float(column)
        views = [values if view == "standard" else self._to_normal(values) for view in self.views]
        return stack([*views, *missing_element(column, self.missing)], len(column))

    def surprise(self, column: Column) -> Mask:
        """Say which cells hold what no train row held: a missing cell, or a constant that moved."""
        absent = surprising_absence(column, self.missing)
        if self.constant is None:
            return absent
        values = as_float(column)
        return absent | (~np.isnan(values) & ~is_close(values, self.constant))

    def expected(self, raw: Raw) -> pa.Array:
        """Say as text which value the reconstruction stands for, in units of the source."""
        if not self.views:
            constant = pa.array([self.constant], pa.float64()).cast(pa.string())[0].as_py()
            return pa.array([constant or ALWAYS_MISSING] * len(raw), pa.string())
        values = raw[:, 0] if self.views[0] == "standard" else self._from_normal(raw[:, 0])
        return round_significant(values).cast(pa.string())

    def _to_normal(self, values: Raw) -> Raw:
        # Beyond the train range it goes on in standard deviations, so that farther stays more anomalous.
        beyond = (values - np.clip(values, self.knots[0], self.knots[-1])) / self.spread
        mapped: Raw = np.interp(values, self.knots, self.normal) + beyond
        return mapped

    def _from_normal(self, normal: Raw) -> Raw:
        values: Raw = np.interp(normal, self.normal, self.knots)
        return values


def _views(known: Raw, spec: FeatureSpec) -> tuple[View, ...]:
    """Return the views that the spec asks for; "auto" maps a heavy-tailed column half-way to a normal."""
    if spec.numeric != "auto":
        return VIEWS[spec.numeric]
    from scipy.stats import kurtosis  # noqa: PLC0415 - a second of start-up, which scoring need not wait for

    is_heavy = kurtosis(known / np.abs(known).max()) > spec.max_kurtosis
    return VIEWS["tempered" if is_heavy else "standard"]


def _normal_scores(known: Raw, share: float) -> tuple[Raw, Raw]:
    """Return distinct values, at most `QUANTILE_KNOTS`, and what they are mapped to.

    That is `share` of the normal score of their mid-rank, and for the rest their standardised value.
    """
    values, counts = np.unique(known, return_counts=True)
    rank = (np.cumsum(counts) - counts / 2) / len(known)
    kept = np.unique(np.searchsorted(rank, np.linspace(rank[0], rank[-1], QUANTILE_KNOTS)))
    spread = _spread(known)
    standard = values[kept] / spread - (known / spread).mean()
    return values[kept], share * ndtri(rank[kept]) + (1 - share) * standard


def _spread(known: Raw) -> float:
    """Return the standard deviation; scaled before it is squared, for 1e300 must not overflow."""
    scale = float(np.abs(known).max())
    return float((known / scale).std()) * scale


def _constant_of(known: Raw) -> float | None:
    """Return the one value of a column that does not vary beyond rounding, or None."""
    if len(known) == 0:
        return None
    middle = float(np.median(known))
    return middle if is_close(known, middle).all() else None

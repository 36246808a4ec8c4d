"""A numeric column: its value, a view of it through the train quantiles, and whether it is missing."""

from typing import Literal, Self

import numpy as np
import pyarrow as pa
from scipy import stats

from anomaly_ae.features.cells import (
    MISSING,
    Column,
    Mask,
    Missing,
    Raw,
    as_float,
    how_missing,
    is_close,
    missing_element,
    round_significant,
    stack,
    surprising_absence,
)
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.spec import FeatureSpec, Section

View = Literal["standard", "quantile"]
VIEWS: dict[str, tuple[View, ...]] = {
    "standard": ("standard",),
    "quantile": ("quantile",),
    "both": ("standard", "quantile"),
}
QUANTILE_KNOTS = 257


class NumericColumn(Section):
    """A number: its value, its value mapped to a normal by the train quantiles, or both.

    Raw elements: `(n, views)`, plus one that is 1 where the cell is missing if train rows had missing cells.
    """

    kind: Literal["numeric"] = "numeric"
    name: str
    views: tuple[View, ...]
    missing: Missing
    constant: float | None = None
    knots: tuple[float, ...] = ()

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract, spec: FeatureSpec) -> Self:
        """Learn range, quantiles and whether cells may be missing."""
        known = as_float(column.drop_null())
        known = known[~np.isnan(known)]
        constant = _constant_of(known)
        varies = constant is None and len(known) > 0
        views = VIEWS[spec.numeric] if varies else ()
        knots = np.unique(np.quantile(known, np.linspace(0, 1, QUANTILE_KNOTS))) if "quantile" in views else np.empty(0)
        missing = how_missing(column)
        return cls(name=contract.name, views=views, missing=missing, constant=constant, knots=tuple(knots.tolist()))

    @property
    def width(self) -> int:
        """Number of elements."""
        return len(self.views) + (self.missing == "sometimes")

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
            return pa.array([MISSING if self.constant is None else f"{self.constant:g}"] * len(raw), pa.string())
        values = raw[:, 0] if self.views[0] == "standard" else self._from_normal(raw[:, 0])
        return round_significant(values).cast(pa.string())

    def _to_normal(self, values: Raw) -> Raw:
        normal = self._grid
        # Beyond the train range the outermost slope goes on, so that farther stays more anomalous.
        slope = (normal[-1] - normal[0]) / (self.knots[-1] - self.knots[0])
        beyond = np.maximum(values - self.knots[-1], 0) + np.minimum(values - self.knots[0], 0)
        mapped: Raw = np.interp(values, self.knots, normal) + slope * beyond
        return mapped

    def _from_normal(self, normal: Raw) -> Raw:
        values: Raw = np.interp(normal, self._grid, self.knots)
        return values

    @property
    def _grid(self) -> Raw:
        """Normal scores of the knots' ranks."""
        grid: Raw = stats.norm.ppf((np.arange(len(self.knots)) + 0.5) / len(self.knots))
        return grid


def _constant_of(known: Raw) -> float | None:
    """Return the one value of a column that does not vary beyond rounding, or None."""
    if len(known) == 0:
        return None
    middle = float(np.median(known))
    return middle if is_close(known, middle).all() else None

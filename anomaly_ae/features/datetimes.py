"""Datetime columns: hour, weekday and day of the year as points on circles."""

from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.features.cells import (
    ALWAYS_MISSING,
    Column,
    Mask,
    Missing,
    Raw,
    as_float,
    how_missing,
    min_std_of_missing,
    missing_element,
    stack,
    surprising_absence,
)
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.spec import FeatureSpec, Section

Part = Literal["hour", "weekday", "yearday"]
_PERIOD: dict[Part, float] = {"hour": 86_400, "weekday": 7 * 86_400, "yearday": 365.2425 * 86_400}
"""Length of each cycle, in seconds."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class DatetimeColumn(Section):
    """A datetime column: hour of day, day of week and day of year as points on circles.

    Raw elements: sine and cosine of each part that varied in train, plus one for missing cells if any were missing.
    """

    kind: Literal["datetime"] = "datetime"
    name: str
    missing: Missing
    parts: tuple[Part, ...]

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract, spec: FeatureSpec) -> Self:  # noqa: ARG003 - one signature
        """Keep the parts that cover at least one full cycle; three months do not teach a season."""
        known = column.drop_null()
        parts = tuple(part for part in _PERIOD if _covers_cycle(known, part))
        return cls(name=contract.name, missing=how_missing(column), parts=parts)

    @property
    def min_std(self) -> tuple[float, ...]:
        """Smallest standard deviation to divide each element by, `(width,)`."""
        return (*(0.0, 0.0) * len(self.parts), *min_std_of_missing(self.missing))

    def raw(self, column: Column) -> Raw:
        """Return the raw elements of the cells, `(n, width)`."""
        angles = [2 * np.pi * _phase(column, part) for part in self.parts]
        circles = [function(angle) for angle in angles for function in (np.sin, np.cos)]
        # Rounded, because sin(pi) is 1e-16 in floats: a column of midnights and noons must not seem to vary by that.
        return np.round(stack([*circles, *missing_element(column, self.missing)], len(column)), 9)

    def surprise(self, column: Column) -> Mask:
        """Return which cells are missing though none was in train, or present though all were missing."""
        return surprising_absence(column, self.missing)

    def expected(self, raw: Raw) -> pa.Array:
        """Return as text the time of day, weekday and month each reconstruction stands for."""
        if not self.parts:
            return pa.array([ALWAYS_MISSING if self.missing == "always" else "any time"] * len(raw), pa.string())
        texts = []
        for index, part in enumerate(self.parts):
            phase = np.arctan2(raw[:, 2 * index], raw[:, 2 * index + 1]) / (2 * np.pi) % 1
            texts.append(_phase_text(phase, part))
        return pc.binary_join_element_wise(*texts, " ")


_MONDAY = 4 * 86_400
"""Seconds from the epoch, a Thursday, to the first Monday, on which weeks start."""


def _covers_cycle(known: Column, part: Part) -> bool:
    if len(known) == 0:
        return False
    return bool(np.ptp(_seconds(known)) >= _PERIOD[part] and np.ptp(_phase(known, part)) > 0)


def _seconds(column: Column) -> Raw:
    """Return seconds since the epoch; NaN where missing."""
    microseconds = pc.cast(pc.cast(column, pa.timestamp("us", tz=column.type.tz)), pa.int64())
    return as_float(microseconds) / 1e6


def _phase(column: Column, part: Part) -> Raw:
    """Return each datetime's position in its cycle, in [0, 1); NaN where missing."""
    start = _MONDAY if part == "weekday" else 0
    return (_seconds(column) - start) / _PERIOD[part] % 1


def _phase_text(phase: Raw, part: Part) -> pa.Array:
    """Return the quarter of an hour, the weekday or the month of each position in a cycle."""
    names = _NAMES[part]
    position = phase * len(names)
    # Times are rounded to the nearest quarter of an hour; weekdays and months contain the position.
    index = (np.round(position) if part == "hour" else np.floor(position)).astype(np.int64) % len(names)
    return pa.array(names, pa.string()).take(pa.array(index))


_NAMES: dict[Part, tuple[str, ...]] = {
    "hour": tuple(f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in range(0, 60, 15)),
    "weekday": WEEKDAYS,
    "yearday": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}

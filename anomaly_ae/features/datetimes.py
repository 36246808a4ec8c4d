"""A datetime column: points on the circles of the day, the week and the year."""

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
    least_std_of_missing,
    missing_element,
    stack,
    surprising_absence,
)
from anomaly_ae.ingest.contract import ColumnContract
from anomaly_ae.spec import FeatureSpec, Section

Part = Literal["hour", "weekday", "yearday"]
SECONDS: dict[Part, float] = {"hour": 86_400, "weekday": 7 * 86_400, "yearday": 365.2425 * 86_400}
"""Length of one turn of each circle."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class DatetimeColumn(Section):
    """A moment: hour of day, day of week and day of year as points on circles.

    Raw elements: sine and cosine of each part that varied in train, plus one for missing cells if train had any.
    """

    kind: Literal["datetime"] = "datetime"
    name: str
    missing: Missing
    parts: tuple[Part, ...]

    @classmethod
    def fit(cls, column: Column, contract: ColumnContract, spec: FeatureSpec) -> Self:  # noqa: ARG003 - one signature
        """Learn which parts vary over at least one whole turn; a season is not learned from three months."""
        known = column.drop_null()
        parts = tuple(part for part in SECONDS if _turns_fully(known, part))
        return cls(name=contract.name, missing=how_missing(column), parts=parts)

    @property
    def least_std(self) -> tuple[float, ...]:
        """Least standard deviation to divide each element by; as long as there are elements."""
        return (*(0.0, 0.0) * len(self.parts), *least_std_of_missing(self.missing))

    def raw(self, column: Column) -> Raw:
        """Return the raw elements of the cells, `(n, width)`."""
        angles = [2 * np.pi * _turn(column, part) for part in self.parts]
        circles = [view(angle) for angle in angles for view in (np.sin, np.cos)]
        # Rounded, because the sine of a half turn is 1e-16: times at 0 and 12 o'clock alone must not vary by that.
        return np.round(stack([*circles, *missing_element(column, self.missing)], len(column)), 9)

    def surprise(self, column: Column) -> Mask:
        """Say which cells are missing, if no train row's was."""
        return surprising_absence(column, self.missing)

    def expected(self, raw: Raw) -> pa.Array:
        """Say as text which moment of the day, week or year the reconstruction stands for."""
        if not self.parts:
            return pa.array([ALWAYS_MISSING if self.missing == "always" else "any moment"] * len(raw), pa.string())
        words = []
        for index, part in enumerate(self.parts):
            turn = np.arctan2(raw[:, 2 * index], raw[:, 2 * index + 1]) / (2 * np.pi) % 1
            words.append(_turn_words(turn, part))
        return pc.binary_join_element_wise(*words, " ")


_MONDAY = 4 * 86_400
"""The epoch was a Thursday; weeks turn on Monday."""


def _turns_fully(known: Column, part: Part) -> bool:
    if len(known) == 0:
        return False
    return bool(np.ptp(_seconds(known)) >= SECONDS[part] and np.ptp(_turn(known, part)) > 0)


def _seconds(column: Column) -> Raw:
    """Return seconds since the epoch; NaN where missing."""
    microseconds = pc.cast(pc.cast(column, pa.timestamp("us", tz=column.type.tz)), pa.int64())
    return as_float(microseconds) / 1e6


def _turn(column: Column, part: Part) -> Raw:
    """Return how far around its circle each moment is, in [0, 1); NaN where missing."""
    start = _MONDAY if part == "weekday" else 0
    return (_seconds(column) - start) / SECONDS[part] % 1


def _turn_words(turn: Raw, part: Part) -> pa.Array:
    """Say where on its circle each moment is: the quarter of an hour, the day or the month."""
    words = _WORDS[part]
    place = turn * len(words)
    # A quarter of an hour is the nearest one; a day and a month are those the moment lies in.
    index = (np.round(place) if part == "hour" else np.floor(place)).astype(np.int64) % len(words)
    return pa.array(words, pa.string()).take(pa.array(index))


_WORDS: dict[Part, tuple[str, ...]] = {
    "hour": tuple(f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in range(0, 60, 15)),
    "weekday": WEEKDAYS,
    "yearday": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}

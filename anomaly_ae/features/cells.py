"""Cells of one source column as numpy arrays: numbers, missing marks, rounding."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Raw = NDArray[np.float64]
Mask = NDArray[np.bool_]
Column: TypeAlias = pa.Array | pa.ChunkedArray
Missing = Literal["never", "sometimes", "always"]

MISSING = "missing"
"""How a missing cell reads in a reason; what is expected starts with it where a cell is normally missing."""
MISSING_WHERE_PRESENT = f"{MISSING} where normally present"
"""How a missing cell reads where something else was expected."""

CONSTANT_TOLERANCE = 1e-9
MIN_STD_OF_FLAG = 0.1
"""Of an element that is 0 or 1: a rare one must not weigh more than ten such elements."""


def as_float(column: Column) -> Raw:
    """Return numbers or truth values as float64, NaN where missing."""
    values: Raw = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values


def is_missing(column: Column) -> Mask:
    """Say which cells hold nothing: null, or NaN in a column of floats."""
    mask: Mask = pc.is_null(column, nan_is_null=True).to_numpy(zero_copy_only=False)
    return mask


def how_missing(column: Column) -> Missing:
    """Say whether cells of the train rows are missing never, sometimes or always."""
    count = int(is_missing(column).sum())
    if count == 0:
        return "never"
    return "sometimes" if count < len(column) else "always"


def surprising_absence(column: Column, missing: Missing) -> Mask:
    """Say which cells are missing though none was in train, or there though all were missing."""
    absent = is_missing(column)
    if missing == "sometimes":
        return np.zeros_like(absent)
    return absent if missing == "never" else ~absent


def least_std_of_missing(missing: Missing) -> tuple[float, ...]:
    """Return the least standard deviation of the missing element, where there is one."""
    return (MIN_STD_OF_FLAG,) if missing == "sometimes" else ()


def missing_element(column: Column, missing: Missing) -> Sequence[Raw]:
    """Return the element that is 1 where a cell is missing; none for a column where it never varied."""
    return [is_missing(column).astype(np.float64)] if missing == "sometimes" else []


def is_close(values: Raw, constant: float) -> Mask:
    """Say which values equal a constant up to rounding."""
    return np.isclose(values, constant, rtol=CONSTANT_TOLERANCE, atol=0)


def stack(elements: Sequence[Raw], rows: int) -> Raw:
    """Return elements side by side, `(rows, len(elements))`, stored one after the other."""
    return np.stack(elements).T if elements else np.empty((rows, 0))


def with_share(word: str, share: float) -> str:
    """Say of a level, or of a missing cell, which share of the train rows held it: `open (97 %)`."""
    return f"{word} ({100 * share:.3g} %)"


ALWAYS_MISSING = with_share(MISSING, 1)
"""What is expected of a column of which no train row held anything."""


def round_significant(values: Raw, digits: int = 6) -> pa.Array:
    """Round to significant digits, so that an expected value reads as one."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exponent = np.floor(np.log10(np.abs(values)))
        unit = 10.0 ** np.clip(digits - 1 - exponent, -300, 300)
        rounded = np.round(values * unit) / unit
    return pa.array(np.where(np.isfinite(rounded), rounded, values))

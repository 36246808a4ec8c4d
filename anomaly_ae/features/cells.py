"""Cells of one source column as NumPy arrays: numbers, missing cells, rounding."""

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
"""A missing cell as a reason shows it; the expected value starts with it where the cell is normally missing."""
MISSING_WHERE_PRESENT = f"{MISSING} where normally present"
"""A missing cell as a reason shows it where a value was expected."""

_CONSTANT_TOLERANCE = 1e-9
MIN_STD_OF_FLAG = 0.1
"""Smallest standard deviation of a 0/1 element, so that a rare 1 stays within ten standard deviations."""


def as_float(column: Column) -> Raw:
    """Return numbers or booleans as float64, NaN where missing."""
    values: Raw = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values


def is_missing(column: Column) -> Mask:
    """Return which cells are null, or NaN in a column of floats."""
    mask: Mask = pc.is_null(column, nan_is_null=True).to_numpy(zero_copy_only=False)
    return mask


def how_missing(column: Column) -> Missing:
    """Return whether the column's cells are missing never, sometimes or always."""
    count = int(is_missing(column).sum())
    if count == 0:
        return "never"
    return "sometimes" if count < len(column) else "always"


def surprising_absence(column: Column, missing: Missing) -> Mask:
    """Return which cells are missing though none was in train, or present though all were missing."""
    absent = is_missing(column)
    if missing == "sometimes":
        return np.zeros_like(absent)
    return absent if missing == "never" else ~absent


def min_std_of_missing(missing: Missing) -> tuple[float, ...]:
    """Return the smallest standard deviation of the missing element, if there is one."""
    return (MIN_STD_OF_FLAG,) if missing == "sometimes" else ()


def missing_element(column: Column, missing: Missing) -> Sequence[Raw]:
    """Return the element that is 1 where a cell is missing; none if it did not vary in train."""
    return [is_missing(column).astype(np.float64)] if missing == "sometimes" else []


def is_close(values: Raw, constant: float) -> Mask:
    """Return which values equal a constant up to rounding."""
    return np.isclose(values, constant, rtol=_CONSTANT_TOLERANCE, atol=0)


def stack(elements: Sequence[Raw], rows: int) -> Raw:
    """Return elements as columns, `(rows, len(elements))`, each contiguous in memory."""
    return np.stack(elements).T if elements else np.empty((rows, 0))


def with_share(value: str, share: float) -> str:
    """Return a value with the share of the train rows that held it: `open (97 %)`."""
    return f"{value} ({100 * share:.3g} %)"


ALWAYS_MISSING = with_share(MISSING, 1)
"""Expected value of a column that was missing in every train row."""


def round_significant(values: Raw, digits: int = 6) -> pa.Array:
    """Round to significant digits, so that an expected value is readable."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exponent = np.floor(np.log10(np.abs(values)))
        unit = 10.0 ** np.clip(digits - 1 - exponent, -300, 300)
        rounded = np.round(values * unit) / unit
    return pa.array(np.where(np.isfinite(rounded), rounded, values))

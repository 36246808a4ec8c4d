"""Cells as text: formatting of typed cells, missing values, and casts that leave null what they cannot cast."""

import pyarrow as pa
import pyarrow.compute as pc


def to_text(raw: pa.Array) -> pa.Array:
    """Format a column of any plain type as text; a float without a fraction is formatted like an integer."""
    if pa.types.is_string(raw.type):
        return raw
    if not pa.types.is_floating(raw.type):
        return raw.cast(pa.string())
    numbers = pc.if_else(pc.is_nan(raw), None, raw)
    whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), float(2**53)))
    return pc.if_else(whole, as_integers(pc.if_else(whole, numbers, None)).cast(pa.string()), numbers.cast(pa.string()))


def as_integers(numbers: pa.Array) -> pa.Array:
    """Cast floats to int64; null where one has a fraction or is too large to be exact."""
    whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less_equal(pc.abs(numbers), float(2**53)))
    return pc.if_else(whole, numbers, None).cast(pa.int64())


def blank_missing(text: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """Set to null the cells that equal a missing value, apart from surrounding spaces."""
    return _blank(text, pc.utf8_trim_whitespace(text), missing)


def blank_exactly(text: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """Set to null the cells that equal a missing value exactly; faster, as nothing is trimmed."""
    return _blank(text, text, missing)


def trim(text: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """Strip white space from both ends of every cell; null where the result is a missing value."""
    trimmed = pc.utf8_trim_whitespace(text)
    return _blank(trimmed, trimmed, missing)


def _blank(text: pa.Array, trimmed: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    if not missing:
        return text
    is_missing = pc.is_in(trimmed, value_set=pa.array(missing, pa.string()))
    return pc.if_else(is_missing, None, text) if pc.any(is_missing).as_py() else text


def cast_or_null(text: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast every cell that can be cast; null for the others.

    A cast fails as a whole, so a failing piece is halved until the bad cells are alone: few bad cells cost few casts.
    """
    try:
        return text.cast(target)
    except pa.ArrowInvalid:
        if len(text) == 1:
            return pa.nulls(1, target)
    middle = len(text) // 2
    return pa.concat_arrays([cast_or_null(text[:middle], target), cast_or_null(text[middle:], target)])

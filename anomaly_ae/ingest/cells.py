"""Cells as text: the spelling of a typed cell, what counts as missing, and casts that pass over what does not fit."""

import pyarrow as pa
import pyarrow.compute as pc


def to_text(raw: pa.Array) -> pa.Array:
    """Spell a column of any plain type as text; a float without a fraction is spelled like an integer."""
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
    """Make the cells null that, apart from spaces around them, are one of the missing values."""
    return _blank(text, pc.utf8_trim_whitespace(text), missing)


def blank_exactly(text: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """Make the cells null that are, letter by letter, one of the missing values: quicker, as nothing is trimmed."""
    return _blank(text, text, missing)


def trim(text: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """Strip white space from both ends of every cell; null where it then is one of the missing values."""
    trimmed = pc.utf8_trim_whitespace(text)
    return _blank(trimmed, trimmed, missing)


def _blank(text: pa.Array, trimmed: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    if not missing:
        return text
    is_missing = pc.is_in(trimmed, value_set=pa.array(missing, pa.string()))
    return pc.if_else(is_missing, None, text) if pc.any(is_missing).as_py() else text


def cast_or_null(text: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast every cell that can be cast; null for the others.

    A cast fails as a whole, so what fails is halved until the culprits stand alone: few culprits cost few casts.
    """
    try:
        return text.cast(target)
    except pa.ArrowInvalid:
        if len(text) == 1:
            return pa.nulls(1, target)
    middle = len(text) // 2
    return pa.concat_arrays([cast_or_null(text[:middle], target), cast_or_null(text[middle:], target)])

"""How numbers and foreign text read on the page."""

import math
from datetime import datetime

CLIP = 48
"""Characters of a cell that are shown; the rest is in its tooltip."""

CLIP_TITLE = 400
"""Characters of a cell that are in the page at all: 200 rows of megabyte cells still make a small page."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CONTROL: dict[int, int | str] = {
    **{code: 0x2400 + code for code in range(32)},
    127: 0x2421,
    0x2028: "↵",
    0x2029: "↵",
    10: "↵",
}


def count(number: int) -> str:
    """Write a count with thousands separators."""
    return f"{number:,}"


def rows(number: int) -> str:
    """Write a number of rows: "1 row", "5,690 rows"."""
    return f"{number:,} row{'' if number == 1 else 's'}"


def number(value: float | None, digits: int = 4) -> str:
    """Write a measured number with so many significant digits; "undefined" where there is none."""
    if value is None or not math.isfinite(value):
        return "undefined"
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        decimals = 0 if value == 0 else min(6, max(0, digits - 1 - math.floor(math.log10(abs(value)))))
        return f"{value:,.{decimals}f}"
    mantissa, exponent = f"{value:.{min(digits, 3) - 1}e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"  # noqa: RUF001 - the multiplication sign is meant


def ratio(value: float) -> str:
    """Write how many times something is something else, with a multiplication sign."""
    shown = number(value) if value >= 1e6 else f"{value:,.{0 if value >= 100 else 1 if value >= 1 else 2}f}"
    return f"{shown} ×"  # noqa: RUF001 - as above


def percent(share: float | None) -> str:
    """Write a share with as many digits as matter: 37.3%, 3.73%, 0.37%, and 99.996%, which is not 100%."""
    if share is None:
        return "undefined"
    value = 100 * share
    distance = min(abs(value), abs(100 - value)) if value > 99 else abs(value)
    if distance == 0:
        return f"{value:.0f}%"
    decimals = min(6, max(0, min(2, 1 + (distance < 10)) - min(0, 1 + math.floor(math.log10(distance)))))
    text = f"{value:.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.')}%"


def interval(low: float | None, high: float | None) -> str:
    """Write an interval of shares."""
    return f"{percent(low)} to {percent(high)}"


def moment(text: str) -> str:
    """Write an ISO time for people; what is not one stays as it is."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = f" {time.tzname()}" if time.tzinfo else ""
    return f"{time.day} {time:%B %Y, %H:%M}{zone}"


def visible(text: object) -> str:
    """Show control characters and line ends as signs, so that a cell stays one line and nothing in it is hidden."""
    return str(text).translate(_CONTROL)


def clip(text: object, length: int = CLIP) -> str:
    """Shorten text to `length` characters, the last an ellipsis."""
    whole = str(text)
    return visible(whole if len(whole) <= length else f"{whole[: length - 1]}…")


def hover(text: object, length: int = CLIP) -> str:
    """Return what the tooltip of a clipped cell says; empty where nothing was clipped."""
    return clip(text, CLIP_TITLE) if len(str(text)) > length else ""

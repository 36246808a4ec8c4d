"""Formatting of numbers and of text from the data on the page."""

import math
import re
from datetime import datetime

FILTERS = (
    "count", "rows", "number", "percent", "p_value", "share", "ratio", "date_and_time", "duration", "label_name",
    "first_sentence", "tidy", "visible", "clip", "hover",
)  # fmt: skip
"""Functions that templates can use as filters."""

LABEL_NAMES = {False: "labelled normal", True: "labelled anomaly", None: "without a label"}

_CLIP = 48
"""Maximum characters of a cell; the rest is in its tooltip."""

_CLIP_TITLE = 400
"""Maximum characters of a tooltip, so that 200 rows of megabyte cells still give a small page."""

_DECIMAL = re.compile(r"-?(\d+)\.\d+(e[+-]?\d+)?")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CONTROL: dict[int, int | str] = {
    **{code: 0x2400 + code for code in range(32)},
    127: 0x2421,
    0x2028: "↵",
    0x2029: "↵",
    10: "↵",
}


def count(number: int) -> str:
    """Format a count with thousands separators."""
    return f"{number:,}"


def rows(number: int) -> str:
    """Format a number of rows: "1 row", "5,690 rows"."""
    return f"{number:,} row{'' if number == 1 else 's'}"


def number(value: float | None, digits: int = 4) -> str:
    """Format a measured number with `digits` significant digits; "undefined" if it is None or not finite."""
    if value is None or not math.isfinite(value):
        return "undefined"
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        decimals = 0 if value == 0 else min(6, max(0, digits - 1 - math.floor(math.log10(abs(value)))))
        return f"{value:,.{decimals}f}"
    mantissa, exponent = f"{value:.{min(digits, 3) - 1}e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"  # noqa: RUF001 - the multiplication sign is meant


def p_value(value: float) -> str:
    """Format a p-value; below 0.0001 its exact size is irrelevant."""
    return "<0.0001" if value < 1e-4 else number(value, 2)


def ratio(value: float) -> str:
    """Format a factor with a multiplication sign: "5.0 ×"."""  # noqa: RUF002 - the multiplication sign is meant
    shown = number(value) if value >= 1e6 else f"{value:,.{0 if value >= 100 else 1 if value >= 1 else 2}f}"
    return f"{shown} ×"  # noqa: RUF001 - as above


def percent(share: float | None) -> str:
    """Format a share with as many digits as matter: 37.3%, 3.73%, 0.37%, and 99.996%, which is not 100%."""
    if share is None:
        return "undefined"
    value = 100 * share
    distance = min(abs(value), abs(100 - value)) if value > 99 else abs(value)
    if distance == 0:
        return f"{value:.0f}%"
    decimals = min(6, max(0, min(2, 1 + (distance < 10)) - min(0, 1 + math.floor(math.log10(distance)))))
    text = f"{value:.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.')}%"


def share(part: float) -> str:
    """Format a part of a whole in whole percent; a small one is "<1%", not 0%."""
    return "<1%" if 0 < part < 0.005 else f"{100 * part:.0f}%"


def label_name(label: bool | None) -> str:
    """Format a row's label."""
    return LABEL_NAMES[label]


def duration(milliseconds: float) -> str:
    """Format a duration in its largest unit: "3 hours", "1.5 days"."""
    units = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000), ("millisecond", 1))
    unit, length = next((unit for unit in units if milliseconds >= unit[1]), units[-1])
    amount = f"{milliseconds / length:.2g}" if milliseconds < 10 * length else f"{milliseconds / length:.0f}"
    return f"{amount} {unit}{'' if amount == '1' else 's'}"


def interval(low: float | None, high: float | None) -> str:
    """Format an interval of shares."""
    return f"{percent(low)} to {percent(high)}"


def date_and_time(text: str) -> str:
    """Format an ISO 8601 datetime for people; return other text unchanged."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = f" {time.tzname()}" if time.tzinfo else ""
    return f"{time.day} {time:%B %Y, %H:%M}{zone}"


def first_sentence(text: str) -> str:
    """Return the first sentence of a text."""
    return f"{text.split('. ', maxsplit=1)[0].rstrip('.')}."


def tidy(text: str | None) -> str | None:
    """Round a long decimal to six significant digits, as in expected values; return other text unchanged."""
    found = _DECIMAL.fullmatch(text or "")
    return f"{float(found[0]):.{max(6, len(found[1]))}g}" if found and len(found[0]) > 9 else text


def visible(text: object) -> str:
    """Replace control characters and line breaks with visible symbols, so that a cell stays on one line."""
    return str(text).translate(_CONTROL)


def clip(text: object, length: int = _CLIP) -> str:
    """Clip text to `length` characters, the last being an ellipsis."""
    whole = str(text)
    return visible(whole if len(whole) <= length else f"{whole[: length - 1]}…")


def hover(text: object, length: int = _CLIP) -> str:
    """Return the tooltip of a clipped cell; empty if nothing was clipped."""
    return clip(text, _CLIP_TITLE) if len(str(text)) > length else ""

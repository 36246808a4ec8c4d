"""How numbers and foreign text read on the page."""

import math
import re
from datetime import datetime

FILTERS = (
    "count", "rows", "number", "percent", "p_value", "share", "ratio", "moment", "duration", "label_name",
    "first_sentence", "tidy", "visible", "clip", "hover",
)  # fmt: skip
"""What templates may call."""

LABEL_NAMES = {False: "labelled normal", True: "labelled anomaly", None: "without a label"}

_CLIP = 48
"""Characters of a cell that are shown; the rest is in its tooltip."""

_CLIP_TITLE = 400
"""Characters of a cell that are in the page at all: 200 rows of megabyte cells still make a small page."""

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


def p_value(value: float) -> str:
    """Write a p-value; below a ten-thousandth its exact size says nothing more."""
    return "<0.0001" if value < 1e-4 else number(value, 2)


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


def share(part: float) -> str:
    """Write a part of a whole to the percent; a small one is not called nothing."""
    return "<1%" if 0 < part < 0.005 else f"{100 * part:.0f}%"


def label_name(label: bool | None) -> str:
    """Write what the source says of a row."""
    return LABEL_NAMES[label]


def duration(milliseconds: float) -> str:
    """Write a stretch of time in its largest unit: "3 hours", "1.5 days"."""
    units = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000), ("millisecond", 1))
    unit, length = next((unit for unit in units if milliseconds >= unit[1]), units[-1])
    amount = f"{milliseconds / length:.2g}" if milliseconds < 10 * length else f"{milliseconds / length:.0f}"
    return f"{amount} {unit}{'' if amount == '1' else 's'}"


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


def first_sentence(text: str) -> str:
    """Return the first sentence of a text."""
    return f"{text.split('. ', maxsplit=1)[0].rstrip('.')}."


def tidy(text: str | None) -> str | None:
    """Round a long decimal to the six significant digits with which expected values are written; leave other text."""
    found = _DECIMAL.fullmatch(text or "")
    return f"{float(found[0]):.{max(6, len(found[1]))}g}" if found and len(found[0]) > 9 else text


def visible(text: object) -> str:
    """Show control characters and line ends as signs, so that a cell stays one line and nothing in it is hidden."""
    return str(text).translate(_CONTROL)


def clip(text: object, length: int = _CLIP) -> str:
    """Shorten text to `length` characters, the last an ellipsis."""
    whole = str(text)
    return visible(whole if len(whole) <= length else f"{whole[: length - 1]}…")


def hover(text: object, length: int = _CLIP) -> str:
    """Return what the tooltip of a clipped cell says; empty where nothing was clipped."""
    return clip(text, _CLIP_TITLE) if len(str(text)) > length else ""

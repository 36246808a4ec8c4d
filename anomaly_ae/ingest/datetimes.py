"""Datetimes in text: the formats that are tried, and parsing by one of them."""

import itertools

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.ingest.cells import cast_or_null

ISO = "ISO8601"

_DAYS = ("%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y")
_NAMED_DAYS = ("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d %Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
FORMATS = (
    *(day + time for day, time in itertools.product((*_DAYS, *_NAMED_DAYS), _TIMES)),
    "%Y-%m-%d %I:%M %p",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y/%m/%d %H:%M:%S %z",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a %b %d %H:%M:%S %Y",
)
"""Tried in this order where a column is not ISO 8601; where both readings fit, the month comes before the day."""

_SWAPPED = {"%m/%d/%Y": "%d/%m/%Y", "%m/%d/%y": "%d/%m/%y", "%d-%m-%Y": "%m-%d-%Y"}


def parse_datetime(text: pa.Array, datetime_format: str, target: pa.DataType) -> pa.Array:
    """Parse text to timestamps; null where a cell is not in the format.

    ISO 8601 with a zone fits only the UTC type, and without one only the naive type: a guessed zone would shift times.
    Times are truncated to microseconds.
    """
    if datetime_format == ISO:
        return cast_or_null(pc.replace_substring_regex(text, r"(\.\d{6})\d+", r"\1"), target)
    parsed = pd.to_datetime(
        text.to_pandas(), format=datetime_format, errors="coerce", utc=target.tz is not None
    ).dt.as_unit("us")
    return pa.Array.from_pandas(parsed, type=target)


def has_zone(datetime_format: str) -> bool:
    """Say whether a format other than ISO has a time zone."""
    return "%z" in datetime_format


def other_reading(datetime_format: str) -> str | None:
    """Return the format with day and month swapped, where such dates can be read both ways."""
    for day, swapped in _SWAPPED.items():
        if datetime_format.startswith(day):
            return datetime_format.replace(day, swapped)
    return None

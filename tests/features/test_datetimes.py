"""Datetime columns: points on circles, for the parts whose full cycle the train rows cover."""

import numpy as np
import pandas as pd
import pytest
from encoding_support import fit

TWO_MONTHS = pd.date_range("2026-01-01", "2026-03-01", freq="37min")
YEARS = pd.date_range("2023-01-01", "2026-01-01", freq="7h")


def distance(first: str, second: str) -> float:
    """Return the Euclidean distance between the elements of two datetimes."""
    first_elements, second_elements = fit({"at": TWO_MONTHS}).encode({"at": pd.to_datetime([first, second])}).elements
    return float(np.linalg.norm(first_elements - second_elements))


def test_the_day_is_a_circle() -> None:
    """One minute before and one minute after midnight are neighbours; noon is far from both."""
    across = distance("2026-02-04T23:59", "2026-02-05T00:01")

    assert across < 0.05
    assert distance("2026-02-04T12:00", "2026-02-05T00:01") > 20 * across


def test_the_week_is_a_circle() -> None:
    """Sunday's last minute and Monday's first are neighbours."""
    assert distance("2026-02-08T23:59", "2026-02-09T00:01") < 0.05
    assert distance("2026-02-08T12:00", "2026-02-11T12:00") > 1


def test_a_season_is_not_learned_from_two_months() -> None:
    """A part is encoded only if the train rows cover its full cycle."""
    assert fit({"at": TWO_MONTHS}).encoder.columns[0].parts == ("hour", "weekday")
    assert fit({"at": YEARS}).encoder.columns[0].parts == ("hour", "weekday", "yearday")


def test_the_same_hour_a_year_later_is_the_same_hour() -> None:
    """Datetimes outside the train range are encoded by their hour and weekday alone."""
    assert distance("2026-02-04T10:00", "2027-02-03T10:00") == pytest.approx(0, abs=1e-4)


def test_dates_without_time_have_no_hour() -> None:
    """A part that never varied has no element."""
    assert fit({"at": pd.date_range("2026-01-01", periods=90)}).encoder.columns[0].parts == ("weekday",)


@pytest.mark.parametrize("hours", [(0, 12), (6, 18), (3, 21)])
def test_rounding_of_a_sine_is_not_taken_for_variation(hours: tuple[int, int]) -> None:
    """If the train times leave one of the two coordinates constant, other times still encode to a few units."""
    days = pd.date_range("2026-01-01", periods=100).to_numpy()[:, None]
    train = (days + np.array(hours, "timedelta64[h]")).ravel()

    elements = fit({"at": train}).elements_of("at", {"at": pd.to_datetime(["2026-05-04T09:00"])})

    assert np.abs(elements).max() < 10


def test_the_expected_value_reads_as_a_datetime() -> None:
    """The reconstruction reads as time of day, day of week and month."""
    texts = fit({"at": YEARS}).expected("at", {"at": pd.to_datetime(["2025-07-16T14:30"])})

    assert texts == ["14:30 Wed Jul"]


def test_missing_datetimes() -> None:
    """A gap has an element of its own if train had gaps, else it is a surprise."""
    gappy = fit({"at": pd.Series([*TWO_MONTHS, *[pd.NaT] * 50])})

    missing = gappy.encode({"at": pd.Series([pd.NaT], dtype="datetime64[us]")})

    assert missing.elements[0, -1] > 1
    assert not missing.elements[0, :-1].any()
    assert not missing.surprise.any()
    assert fit({"at": TWO_MONTHS}).encode({"at": pd.Series([pd.NaT], dtype="datetime64[us]")}).surprise.all()


def test_a_column_without_parts_still_reads() -> None:
    """Datetimes within one day have no element, and any time is expected; a column of gaps expects a gap."""
    minutes = pd.date_range("2026-01-01", periods=30, freq="1min")
    rows = pd.DataFrame(
        {"at": minutes, "never": pd.Series([pd.NaT] * 30, dtype="datetime64[us]"), "b": np.arange(30.0)}
    )
    fitted = fit(rows)

    assert fitted.encoder.width == 1
    assert fitted.expected("at", rows.head(1)) == ["any time"]
    assert fitted.expected("never", rows.head(1)) == ["missing (100 %)"]


def test_the_time_zone_does_not_change_the_encoding() -> None:
    """The same instants written in another zone encode to the same elements."""
    utc = TWO_MONTHS.tz_localize("UTC")
    fitted = fit({"at": utc})

    elements = fitted.encode({"at": utc.tz_convert("Asia/Tokyo")}).elements

    assert np.array_equal(elements, fitted.encode({"at": utc}).elements)

"""Anomaly maps: resizing to the picture, rounding for storage, and the hottest area."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_ae.scoring.maps import MAX_ERROR, bring_to, compact, hottest_box


def test_map_covers_the_whole_picture() -> None:
    """Each position of a map covers its share of a picture whose sides are multiples of the map's."""
    error_map = np.array([[0, 1], [2, 3]], np.float32)

    large = bring_to(error_map, (200, 100))

    assert large.shape == (100, 200)
    assert large[0, 0] == 0
    assert large[-1, -1] == 3
    assert large[25, 50] == pytest.approx(0, abs=0.05)
    assert large[0, 99:101].mean() == pytest.approx(0.5, abs=0.01)
    assert large[0, 75] == pytest.approx(0.25, abs=0.01)


def test_smaller_picture_takes_means() -> None:
    """A picture with fewer pixels than the map has positions keeps the map's mean."""
    error_map = np.random.default_rng(0).random((64, 64), dtype=np.float32)

    assert bring_to(error_map, (8, 8)).mean() == pytest.approx(error_map.mean(), rel=0.02)


def test_compact_keeps_three_digits_and_no_infinity() -> None:
    """A stored map is close to the original, never infinite, and has no negative zero."""
    stored = compact(np.array([[0.1234, 1e9, -0.0, 7.0]], np.float32))

    assert stored.dtype == np.float16
    assert stored[0, 0] == pytest.approx(0.1234, rel=5e-4)
    assert stored[0, 1] == MAX_ERROR
    assert not np.signbit(stored).any()


def test_hottest_box_is_the_area_around_the_peak() -> None:
    """The box contains the connected hot area in original pixels, not another, cooler area."""
    error_map = np.ones((8, 8), np.float32)
    error_map[2:4, 5:7] = [[4, 5], [3.5, 4]]
    error_map[6, 0] = 4

    assert hottest_box(error_map, 1.0, (80, 160)) == (50, 40, 70, 80)


@given(
    values=st.lists(st.floats(0, 1e6, width=32), min_size=12, max_size=12),
    low=st.floats(0, 100),
    width=st.integers(1, 500),
    height=st.integers(1, 500),
)
def test_hottest_box_lies_in_its_picture(values: list[float], low: float, width: int, height: int) -> None:
    """Whatever the map and the picture's size, the box has at least one pixel and none outside the picture."""
    box = hottest_box(np.array(values, np.float32).reshape(3, 4), low, (width, height))

    assert 0 <= box.left < box.right <= width
    assert 0 <= box.top < box.bottom <= height

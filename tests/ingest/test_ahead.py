"""Items that are drawn on another thread come as they would on this one."""

import threading
from collections.abc import Iterator

import pytest

from anomaly_ae.ingest.ahead import draw_ahead

PATIENCE = 30
"""Seconds after which a thread that was to do something is taken to hang."""


def test_items_come_in_order_and_all_of_them() -> None:
    """Nothing is lost, doubled or moved; None is an item like any other."""
    assert list(draw_ahead([3, None, 1, 1])) == [3, None, 1, 1]
    assert list(draw_ahead([])) == []


def test_the_next_item_is_drawn_while_one_is_used() -> None:
    """The source is asked for the second item before the first one's user asks for it."""
    second_drawn = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        second_drawn.set()
        yield 2

    items = draw_ahead(source())
    assert next(items) == 1
    assert second_drawn.wait(PATIENCE)
    assert list(items) == [2]


def test_an_error_of_the_source_comes_in_its_place() -> None:
    """Items before the error are still given out."""

    def source() -> Iterator[int]:
        yield 1
        msg = "torn"
        raise OSError(msg)

    items = draw_ahead(source())
    assert next(items) == 1
    with pytest.raises(OSError, match="torn"):
        next(items)


def test_closing_draws_no_more_than_the_one_under_way() -> None:
    """A user who leaves early leaves no thread behind that reads on."""
    drawn = []

    def source() -> Iterator[int]:
        for item in range(100):
            drawn.append(item)
            yield item

    items = draw_ahead(source())
    next(items)
    items.close()
    assert drawn == [0, 1]

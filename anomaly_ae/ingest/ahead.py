"""Work that other threads do a few items ahead, with its results in order."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_READERS = min(4, os.cpu_count() or 1)
"""Threads that read and parse; more of them would wait for the file."""


def map_ahead(
    function: Callable[[_Item], _Result], items: Iterable[_Item], threads: int = _READERS
) -> Iterator[_Result]:
    """Apply a function to items on several threads, a few items ahead; results come in the order of the items."""
    pending: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def draw_ahead(items: Iterable[_Item]) -> Generator[_Item]:
    """Yield items; another thread fetches the next one while the caller uses the current one."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as pool:
        drawn: Future[_Item | object] = pool.submit(next, source, end)
        while (item := drawn.result()) is not end:
            drawn = pool.submit(next, source, end)
            yield cast("_Item", item)

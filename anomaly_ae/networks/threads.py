"""Many small computations in parallel, each on one thread, instead of one after the other on all threads.

A batch that fits the cache is too small to be shared: threads would spend their time waiting for each other, above all
where other programs run. Besides, results then do not depend on the number of cores.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

import torch

from anomaly_ae.ingest.ahead import map_ahead

Item = TypeVar("Item")
Result = TypeVar("Result")


class _OneThread:
    """Makes torch compute each operation on one thread while at least one caller is inside.

    Torch's setting belongs to the process: callers that overlap share it, and the last one to leave restores it.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.callers = 0
        self.before = 0

    def __enter__(self) -> None:
        with self.lock:
            if self.callers == 0:
                self.before = torch.get_num_threads()
            self.callers += 1
            torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.callers -= 1
            if self.callers == 0:
                torch.set_num_threads(self.before)


_ONE_THREAD = _OneThread()


def one_thread() -> AbstractContextManager[None]:
    """Make torch compute each operation on one thread within the context."""
    return _ONE_THREAD


class _Inside(threading.local):
    """Whether the current thread is one of those that compute in parallel."""

    held = False

    def __enter__(self) -> None:
        self.held = True

    def __exit__(self, *_: object) -> None:
        self.held = False


_INSIDE = _Inside()


def side_by_side(compute: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield the result of `compute`, in inference mode, for each item, in order; one item per core at a time.

    A few items are computed in advance. Calls from within `compute` run one after the other, as all cores are in use.
    """

    def infer(item: Item) -> Result:
        with torch.inference_mode(), _INSIDE:  # each thread has its own
            return compute(item)

    if _INSIDE.held:
        yield from map(compute, items)
        return
    with one_thread():
        yield from map_ahead(infer, items, os.cpu_count() or 1)

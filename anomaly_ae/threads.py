"""Many small computations side by side, each on one thread, instead of one after the other on all of them.

A batch that fits the cache is too small to share: threads would spend their time waiting for each other, the more so
where other programs run. What is computed then does not depend on how many cores a machine has, either.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute each operation on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def side_by_side(compute: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return what `compute`, in inference mode, makes of each item, in order; one item per core at a time."""

    def infer(item: Item) -> Result:
        with torch.inference_mode():  # each thread has its own
            return compute(item)

    with one_thread(), ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(infer, items))

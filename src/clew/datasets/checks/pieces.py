"""Work in threads, a few pieces ahead of who takes the results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

THREADS = 2


def in_turn(work: Callable[[slice], T], count: int, size: int, threads: int = THREADS) -> Iterator[T]:
    """Results of `work` for the slices of `count` things, in order, `size` things at a time.

    Few are under way at once: memory stays small, and an interruption does not wait for the rest.
    """
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for low in range(0, count, size):
            waiting.append(pool.submit(work, slice(low, min(low + size, count))))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

"""Work done ahead in a thread of its own, a bounded number of steps."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

T = TypeVar("T")

_WAIT = 0.1


def ahead(items: Callable[[], Iterable[T]], most: int) -> Iterator[T]:
    """The items in order, made by a thread that is at most `most` of them ahead; its exceptions are raised here.

    Gains time where making an item leaves Python's lock to others, as decoding does. The thread ends with the iterator.
    """
    done: queue.Queue[tuple[str, T | BaseException | None]] = queue.Queue(max(1, most))
    stop = threading.Event()

    def put(kind: str, value: T | BaseException | None) -> None:
        while not stop.is_set():
            try:
                done.put((kind, value), timeout=_WAIT)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items():
                if stop.is_set():
                    return
                put("item", item)
            put("end", None)
        except BaseException as error:  # noqa: BLE001 (raised again where the items are used)
            put("error", error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            kind, value = done.get()
            if kind == "end":
                return
            if kind == "error":
                raise cast(BaseException, value)
            yield cast(T, value)
    finally:
        stop.set()
        thread.join()

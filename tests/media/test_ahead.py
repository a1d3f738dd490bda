"""Work done ahead: the same items, the same errors, never far ahead, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from clew.media.ahead import ahead


def test_items_come_in_order_and_the_maker_stays_near() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(40):
            made.append(number)
            yield number

    got = []
    for item in ahead(items, most=3):
        got.append(item)
        time.sleep(0.001)
        assert len(made) - len(got) <= 5
    assert got == list(range(40))


def test_errors_are_raised_where_the_items_are_used() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("late")

    stream = ahead(items, most=2)
    assert next(stream) == 1
    with pytest.raises(KeyError, match="late"):
        next(stream)


def test_stopping_early_ends_the_thread() -> None:
    before = threading.active_count()
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(10**9)
        finally:
            closed.set()

    stream = ahead(items, most=2)
    assert [next(stream), next(stream)] == [0, 1]
    stream.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
    assert closed.wait(5)

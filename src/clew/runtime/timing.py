"""How long works take, measured by turns, so that whatever else the machine does befalls all of them alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError

Seconds = NDArray[np.float64]  # (R, N): of each of N calls in each of R rounds
Clock = Callable[[], float]

WARM_CALLS, WARM_SECONDS = 3, 0.5  # before the first round, whichever comes first
MOST_CALLS = 200  # of one work in one turn
LEVEL = 0.9  # of intervals


def ignore(name: str) -> None:
    """Does nothing after a turn."""


def interleaved(
    works: Mapping[str, Callable[[], Any]],
    rounds: int,
    least: float = 0.02,
    pause: float = 0.0,
    each: Callable[[str], None] = ignore,
    clock: Clock = time.perf_counter,
) -> dict[str, Seconds]:
    """Seconds (R, N) of every call of each work, R = `rounds`, N its calls in a turn, alike in all rounds.

    All are warmed up; then each has one turn in every round, in an order that is moved on by one each time and reversed
    every other time. A short work is repeated until its turn lasts about `least` seconds, after one call that does not
    count, for others have used the caches. `pause` seconds pass before a turn, in which threads of the one before come
    to rest; `each` is told whose turn is over. Raises ClewError without a round or a work.
    """
    if rounds < 1 or not works:
        raise ClewError(f"nothing to measure: {rounds} rounds of {len(works)} works; expected 1 or more of both.")
    calls = {name: _calls(work, least, clock) for name, work in works.items()}
    found = {name: np.empty((rounds, count)) for name, count in calls.items()}
    for number in range(rounds):
        for name in _order(list(works), number):
            if pause:
                time.sleep(pause)
            if calls[name] > 1:
                works[name]()
            for call in range(calls[name]):
                found[name][number, call] = _timed(works[name], clock)
            each(name)
    return found


def _order(names: list[str], number: int) -> list[str]:
    """Whose turn is when: each comes first equally often, and is not always behind the same one."""
    start = number % len(names)
    moved = names[start:] + names[:start]
    return moved[::-1] if number % 2 else moved


def _calls(work: Callable[[], Any], least: float, clock: Clock) -> int:
    """Warms a work up, and says how many calls last `least` seconds."""
    taken: list[float] = []
    while len(taken) < WARM_CALLS and sum(taken) < WARM_SECONDS:
        taken.append(_timed(work, clock))
    return min(MOST_CALLS, max(1, math.ceil(least / max(min(taken), 1e-9))))


def _timed(work: Callable[[], Any], clock: Clock) -> float:
    start = clock()
    work()
    return clock() - start


@dataclass(frozen=True)
class Figures:
    """What calls took, in seconds: median, quartiles, 95th percentile and the least, of `calls` in `rounds`."""

    median: float
    low: float
    high: float
    p95: float
    least: float
    rounds: int
    calls: int

    def pictures_per_second(self, batch: int) -> float:
        """How many pictures a second that is, by the median of calls for `batch` of them."""
        return batch / self.median

    def as_dict(self) -> dict[str, float | int]:
        """For JSON, in milliseconds."""
        named = {"median": self.median, "q1": self.low, "q3": self.high, "p95": self.p95, "least": self.least}
        found: dict[str, float | int] = {f"{name}_ms": round(1000 * value, 6) for name, value in named.items()}
        return {**found, "rounds": self.rounds, "calls": self.calls}


def figures(seconds: Seconds) -> Figures:
    """The figures of calls (R, N), all taken together."""
    low, median, high, p95 = (float(value) for value in np.percentile(seconds, (25, 50, 75, 95)))
    return Figures(median, low, high, p95, float(seconds.min()), seconds.shape[0], seconds.size)


@dataclass(frozen=True)
class Median:
    """The median of `n` values, and the limits of its 90 % interval; None where they are too few for one."""

    median: float
    low: float | None
    high: float | None
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON: {"median", "low", "high", "n"}."""
        ends = [None if end is None else round(end, 6) for end in (self.low, self.high)]
        return {"median": round(self.median, 6), "low": ends[0], "high": ends[1], "n": self.n}


def median_of(values: NDArray[np.float64]) -> Median:
    """The median of values (n,) and its interval: two of the values, whatever their distribution.

    The k-th from both ends hold the median between them with a chance of 1 - 2 P(X < k), X binomial of n and 1/2; the
    largest k is taken with which that is 90 % or more (David and Nagaraja, Order Statistics, 2003, section 7.1).
    """
    ordered, count, below, places = np.sort(values), len(values), 0.0, 0
    while True:
        below += math.comb(count, places) / 2.0**count
        if 1 - 2 * below < LEVEL:
            break
        places += 1
    middle = float(np.median(values))
    if not places:
        return Median(middle, None, None, count)
    return Median(middle, float(ordered[places - 1]), float(ordered[-places]), count)


def times_as_fast(own: Seconds, other: Seconds) -> Median:
    """How many times as fast as `other` a work is: a ratio for each round, of the medians of its calls."""
    return median_of(np.median(other, 1) / np.median(own, 1))


def saved(own: Seconds, other: Seconds) -> Median:
    """How many seconds less than `other` a work takes, round by round, by the medians of its calls."""
    return median_of(np.median(other, 1) - np.median(own, 1))

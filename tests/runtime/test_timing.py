"""Measuring by turns: whose turn is when, what counts, and the figures by hand."""

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.runtime.timing import MOST_CALLS, WARM_CALLS, figures, interleaved, median_of, saved, times_as_fast


class Clock:
    """A clock that works move on, and the list of who worked."""

    def __init__(self):
        self.now, self.worked = 0.0, []

    def __call__(self):
        return self.now

    def work(self, name, *seconds):
        """A work that takes these seconds, the last of them ever after."""
        left = list(seconds)

        def run():
            self.worked.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return run


def test_every_call_of_every_round_is_told():
    clock = Clock()
    slow = clock.work("slow", *[9.0], *range(1, 5))
    found = interleaved({"slow": slow}, 4, least=0.5, clock=clock)
    assert found["slow"].tolist() == [[1.0], [2.0], [3.0], [4.0]], "one warm call of 9 s was enough, and did not count"


def test_short_works_fill_their_turn_after_a_call_that_does_not_count():
    clock = Clock()
    works = {"short": clock.work("short", 0.004), "long": clock.work("long", 0.03), "tiny": clock.work("tiny", 1e-7)}
    found = interleaved(works, 2, least=0.02, clock=clock)
    assert {name: one.shape for name, one in found.items()} == {
        "short": (2, 5),
        "long": (2, 1),
        "tiny": (2, MOST_CALLS),
    }
    np.testing.assert_allclose(found["short"], 0.004)
    assert clock.worked.count("short") == WARM_CALLS + 2 * (1 + 5)
    assert clock.worked.count("long") == WARM_CALLS + 2


def test_the_order_moves_on_and_turns_round():
    clock, turns = Clock(), []
    works = {name: clock.work(name, 1.0) for name in "abc"}
    interleaved(works, 4, clock=clock, each=turns.append)
    assert turns == [*"abc", *"acb", *"cab", *"cba"]
    assert clock.worked == [*"abc", *turns], "all are warmed up before the first round"


@pytest.mark.parametrize(("works", "rounds"), [({}, 3), ({"a": int}, 0)])
def test_nothing_to_measure_is_refused(works, rounds):
    with pytest.raises(ClewError, match="nothing to measure"):
        interleaved(works, rounds)


def test_figures_by_hand():
    found = figures(np.arange(1.0, 22.0).reshape(3, 7) / 1000)
    assert (found.rounds, found.calls) == (3, 21)
    assert found.as_dict() == {
        "median_ms": 11.0, "q1_ms": 6.0, "q3_ms": 16.0, "p95_ms": 20.0, "least_ms": 1.0, "rounds": 3, "calls": 21,
    }  # fmt: skip
    assert found.pictures_per_second(22) == pytest.approx(2000)


@pytest.mark.parametrize(
    ("count", "ends"),
    [(4, None), (5, (1, 5)), (7, (1, 7)), (8, (2, 7)), (15, (4, 12)), (100, (42, 59))],
)
def test_the_interval_of_a_median_is_that_of_the_binomial(count, ends):
    """n = 5: 1 - 2/32 = 94 %; n = 4: 1 - 2/16 = 87.5 %, no interval; n = 15: k = 4 gives 96 %, k = 5 only 88 %."""
    found = median_of(np.random.default_rng(0).permutation(np.arange(1.0, count + 1)))
    assert found.median == (count + 1) / 2
    assert (found.low, found.high) == (ends or (None, None))
    assert found.as_dict() == {"median": found.median, "low": found.low, "high": found.high, "n": count}


def test_the_interval_holds_the_median_as_often_as_it_says():
    draw = np.random.default_rng(1).exponential(size=(2000, 11))
    found = [median_of(row) for row in draw]
    held = np.mean([one.low <= np.log(2) <= one.high for one in found])
    assert 0.9 <= held <= 0.97, "exactly 1 - 2 (1 + 11 + 55) / 2048 = 93.5 %"


def test_ratios_are_of_rounds_so_that_what_slows_all_does_not_count():
    slowed = np.array([1, 1, 8, 1, 30, 1])[:, None]
    own = slowed * np.array([[2.0, 3.0, 50.0]])
    other = slowed * np.array([[6.0, 6.0]])
    found = times_as_fast(own, other)
    assert (found.median, found.low, found.high, found.n) == (2.0, 2.0, 2.0, 6)
    assert (saved(own, other).median, saved(own, other).high) == (3.0, 90.0)

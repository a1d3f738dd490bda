"""Processes that take one thing at a time: they die, hang and fail, and the rest go on in order."""

import os
import signal
import time
from functools import partial

import pytest

from clew.base.errors import ClewError
from clew.base.progress import SILENT
from clew.scan import crew as crews
from clew.scan.crew import Crew


def begin(why=""):
    """What works on items that say what to do."""
    if why == "refuse":
        raise ClewError("the ticket is broken.")
    if why == "end":
        os._exit(3)

    def work(item, progress):
        if item == "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        if item == "hang":
            time.sleep(60)
        if item == "bug":
            raise KeyError("gone")
        if item == "slow":
            time.sleep(0.2)
        if item == "tell":
            print("a library that prints", flush=True)
            with progress.task("frames", 3) as task:
                task.advance(2, "one")
        return f"{item} done"

    return work


def lost(item, why):
    return f"{item} lost: {why}"


def test_the_order_is_the_items_whatever_happens_to_them(capfd):
    items = ["slow", "a", "die", "b", "hang", "known", "bug", "c"]
    made = []
    with Crew(begin, 2, seconds=1.0) as crew:
        found = list(
            crew.in_order(
                items,
                lost,
                lambda item: "known before" if item == "known" else None,
                lambda item, result: made.append(item),
            )
        )
    assert found == [
        "slow done",
        "a done",
        "die lost: the process that read it was ended by signal SIGSEGV",
        "b done",
        "hang lost: it took longer than 1 seconds",
        "known before",
        "bug lost: KeyError: 'gone'",
        "c done",
    ]
    assert sorted(made) == sorted(set(items) - {"known"})
    assert crew.workers == []
    assert capfd.readouterr() == ("", "")


def test_items_are_taken_no_further_ahead_than_the_buffer(monkeypatch):
    monkeypatch.setattr(crews, "AHEAD", 4)
    taken = []

    def items():
        for number in range(50):
            taken.append(number)
            yield number

    with Crew(begin, 1) as crew:
        for number, _ in enumerate(crew.in_order(items(), lost, lambda item: "known" if item % 7 else None)):
            assert len(taken) <= number + 4
    assert len(taken) == 50


def test_nothing_begins_where_all_is_known():
    with Crew(partial(begin, "refuse"), 2) as crew:
        assert list(crew.in_order(range(100), lost, str)) == [str(number) for number in range(100)]


@pytest.mark.parametrize(("why", "told"), [("refuse", "the ticket is broken"), ("end", "ended with exit code 3")])
def test_a_process_that_cannot_begin_ends_all(why, told):
    with Crew(partial(begin, why), 2) as crew, pytest.raises(ClewError, match=told):
        list(crew.in_order(["a", "b"], lost))


def test_progress_of_one_item_is_shown_here():
    told = []

    class Shown(type(SILENT)):
        def task(self, description, total):
            told.append((description, total))
            return super().task(description, total)

    with Crew(begin, 1, progress=Shown()) as crew:
        assert list(crew.in_order(["tell"], lost)) == ["tell done"]
    assert told == [("frames", 3)]

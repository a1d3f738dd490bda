"""Processes that take one thing at a time: one that dies or hangs costs what it was given, nothing else."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from multiprocessing.connection import wait
from typing import Any, Generic

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress, Task
from clew.scan.crew_process import BEGIN_SECONDS, Item, Result, Slot, Work, Worker

TRIES = 2  # of an item whose process died: it may have been ended for what others did to the memory
AHEAD = 32  # items for each process that may be finished before an earlier one is


class Crew(Generic[Item, Result]):
    """At most `workers` processes; each calls `begin()` once and what that returns for each item that it is given.

    An item that takes longer than `seconds` is lost, and so is one whose process dies each of TRIES times. `begin`,
    items and results must be picklable. Progress of the items' own goes to `progress`. The processes start when they
    are needed, the first alone, which may leave work in a cache for the others; they end with the `with` block, and
    with this process.
    """

    def __init__(
        self,
        begin: Callable[[], Work[Item, Result]],
        workers: int = 1,
        seconds: float = 600.0,
        progress: Progress = SILENT,
    ) -> None:
        self.begin, self.count, self.seconds, self.progress = begin, workers, seconds, progress
        self.workers: list[Worker] = []
        self.tasks: list[tuple[AbstractContextManager[Task], Task]] = []

    def __enter__(self) -> Crew[Item, Result]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.end()
        self.workers = []
        self._end_tasks()

    def in_order(
        self,
        items: Iterable[Item],
        lost: Callable[[Item, str], Result],
        known: Callable[[Item], Result | None] = lambda item: None,
        made: Callable[[Item, Result], None] = lambda item, result: None,
    ) -> Iterator[Result]:
        """The items' results in the items' order, whichever is finished first.

        `known(item)` a result that is there already; `lost(item, why)` the result of one that was lost;
        `made(item, result)` is told of each other one as soon as it is there. Items are taken as they are needed.
        Raises ClewError when a process cannot begin.
        """
        source = iter(items)
        slots: deque[Slot[Item, Result]] = deque()
        waiting: Slot[Item, Result] | None = None  # was taken, and no process is free for it
        ended = False
        while not ended or slots:
            while slots and slots[0].done:
                yield slots.popleft().result  # type: ignore[misc]  # a result may be None
            while waiting is not None or (len(slots) < AHEAD * self.count and not ended):
                if waiting is None:
                    waiting, ended = self._next(source, slots, known)
                    continue
                worker = self._free()
                if worker is None:
                    break
                worker.take(waiting, self.seconds)
                waiting = None
            if slots and not slots[0].done:
                self._listen(lost, made)

    def _next(
        self, source: Iterator[Item], slots: deque[Slot[Item, Result]], known: Callable[[Item], Result | None]
    ) -> tuple[Slot[Item, Result] | None, bool]:
        """Takes an item: its slot if it must be worked on, and whether there was none left."""
        for item in source:
            slots.append(Slot(item))
            found = known(item)
            if found is None:
                return slots[-1], False
            slots[-1].done, slots[-1].result = True, found
            return None, False
        return None, True

    def _free(self) -> Worker | None:
        """A process with nothing to do; a new one where there may be more and all that have begun are busy."""
        for worker in self.workers:
            if worker.slot is None:
                return worker
        if len(self.workers) < self.count and all(worker.ready for worker in self.workers):
            self.workers.append(Worker(self.begin, self.progress is not SILENT))
            return self.workers[-1]
        return None

    def _listen(self, lost: Callable[[Item, str], Result], made: Callable[[Item, Result], None]) -> None:
        """Waits until a process says something, dies or has taken too long."""
        busy = [worker for worker in self.workers if worker.slot is not None]
        left = min(worker.deadline for worker in busy) - time.monotonic()
        said = wait([worker.pipe for worker in busy], max(0.0, left))
        for worker in busy:
            slot = worker.slot
            assert slot is not None
            if worker.pipe in said:
                self._heard(worker, slot, lost, made)
            elif time.monotonic() >= worker.deadline:
                self._gone(worker)
                if not worker.ready:
                    raise ClewError(f"a process could not begin within {BEGIN_SECONDS:.0f} seconds.")
                self._settle(slot, lost(slot.item, f"it took longer than {self.seconds:g} seconds"), made)

    def _heard(
        self,
        worker: Worker,
        slot: Slot[Item, Result],
        lost: Callable[[Item, str], Result],
        made: Callable[[Item, Result], None],
    ) -> None:
        try:
            kind, value = worker.pipe.recv()
        except (EOFError, OSError):
            self._died(worker, slot, lost, made)
            return
        if kind == "ready":
            worker.ready, worker.deadline = True, time.monotonic() + self.seconds
        elif kind == "refused":
            raise ClewError(value)
        elif kind in ("done", "failed"):
            worker.slot = None
            self._settle(slot, value if kind == "done" else lost(slot.item, value), made)
        else:
            self._show(kind, value)

    def _died(
        self,
        worker: Worker,
        slot: Slot[Item, Result],
        lost: Callable[[Item, str], Result],
        made: Callable[[Item, Result], None],
    ) -> None:
        worker.process.join(5)
        why = _death(worker.process.exitcode)
        self._gone(worker)
        if not worker.ready:
            raise ClewError(f"a process could not begin: it {why}.")
        slot.tries += 1
        if slot.tries >= TRIES:
            self._settle(slot, lost(slot.item, f"the process that read it {why}"), made)
            return
        again = Worker(self.begin, self.progress is not SILENT)
        self.workers.append(again)
        again.take(slot, self.seconds)

    def _gone(self, worker: Worker) -> None:
        self.workers.remove(worker)
        worker.end()
        self._end_tasks()

    def _settle(self, slot: Slot[Item, Result], result: Result, made: Callable[[Item, Result], None]) -> None:
        slot.done, slot.result = True, result
        made(slot.item, result)

    def _show(self, kind: str, value: Any) -> None:
        """What the work tells of its own progress."""
        if kind == "task":
            manager = self.progress.task(*value)
            self.tasks.append((manager, manager.__enter__()))
        elif kind == "step" and self.tasks:
            self.tasks[-1][1].advance(*value)
        elif kind == "task over" and self.tasks:
            self.tasks.pop()[0].__exit__(None, None, None)
        elif kind == "say":
            self.progress.say(value)

    def _end_tasks(self) -> None:
        while self.tasks:
            self.tasks.pop()[0].__exit__(None, None, None)


def _death(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    return f"was ended by signal {name}" + (" (out of memory?)" if -code == signal.SIGKILL else "")

"""Runs jobs on the cores of this machine, in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from clew.base.errors import ClewError
from clew.base.jobs import Agenda, Done, Failed, Job, Ledger, Outcome, give_up, ignore, settle_failure, tell
from clew.base.progress import SILENT, Progress

POLL_SECONDS = 0.5
KILLED = "a worker process was killed: nothing finished is lost, the same command goes on. Out of memory?"


@dataclass(frozen=True)
class LocalExecutor:
    """Processes on this machine.

    A failing job stops what needs it, nothing else. When a process dies, the jobs that were under way are tried
    again one at a time, so that the one that killed it is found and the others are done. A dead or interrupted parent
    ends all.
    """

    workers: int = 0  # 0: one per core

    def run(
        self,
        jobs: Sequence[Job],
        description: str,
        progress: Progress = SILENT,
        done: Done = ignore,
        failed: Failed = give_up,
    ) -> Outcome:
        """Runs the jobs, those that most others wait for first."""
        if not jobs:
            return Outcome()
        count = min(self.workers or usable_cores(), len(jobs))
        with progress.task(description, sum(job.size for job in jobs)) as task:
            ledger = Ledger(task, {job.name: job.size for job in jobs})
            with _listening(ledger) as reports:
                return _Run(Agenda(jobs), ledger, reports, count, done, failed).to_the_end()


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Run:
    """One call of `LocalExecutor.run` under way."""

    def __init__(self, agenda: Agenda, ledger: Ledger, reports: Any, workers: int, done: Done, failed: Failed) -> None:
        self.agenda, self.ledger, self.reports, self.workers = agenda, ledger, reports, workers
        self.done, self.failed = done, failed
        self.outcome = Outcome()
        self.suspects: list[Job] = []  # were under way when a process died
        spawn = multiprocessing.get_context("spawn")
        self.begun, self.over = spawn.Event(), spawn.Event()  # set by the first process that could start; ends all

    def to_the_end(self) -> Outcome:
        while self.agenda.left or self.suspects:
            pool = ProcessPoolExecutor(
                self.workers,
                multiprocessing.get_context("spawn"),
                initializer=_begin_worker,
                initargs=(self.reports, os.getpid(), self.begun, self.over),
            )
            try:
                self._with(pool)
            except KeyboardInterrupt:
                self.over.set()  # a process that began just now has not met Ctrl-C: it would go on to its job's end
                raise
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        return self.outcome

    def _with(self, pool: ProcessPoolExecutor) -> None:
        """Goes on until everything is done or a process dies."""
        running: dict[Future[Any], Job] = {}
        while True:
            alone = bool(self.suspects)
            while len(running) < (1 if alone else self.workers):
                job = self.suspects[0] if alone else self.agenda.take()
                if job is None:
                    break
                with main_left_alone(job.function.__module__):
                    running[pool.submit(_call, job.name, job.function, job.args)] = job
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                if isinstance(future.exception(), BrokenProcessPool):
                    self._died(list(running.values()), alone)
                    return
                self._ended(running.pop(future), future)
                if alone:
                    self.suspects.pop(0)

    def _died(self, under_way: list[Job], alone: bool) -> None:
        if not self.begun.is_set():  # no process can start at all: that is not a job's doing
            raise ClewError(KILLED)
        if not alone:
            self.suspects = sorted(under_way, key=lambda job: self.agenda.order[job.name])
            return
        job = self.suspects.pop(0)
        self.ledger.close(job.name)
        self._failed(job.name, KILLED, True)

    def _ended(self, job: Job, future: Future[Any]) -> None:
        error = future.exception()
        self.ledger.close(job.name)
        if error is not None:
            self._failed(job.name, tell(error), False)
            return
        self.agenda.finished(job.name)
        self.done(job.name, future.result())

    def _failed(self, name: str, why: str, killed: bool) -> None:
        settle_failure(self.agenda, self.ledger, self.outcome, self.failed, name, why, killed)


@contextmanager
def main_left_alone(module: str) -> Iterator[None]:
    """New processes do not run the caller's script again to import it, unless that is `module`, which they need.

    So a script needs no `if __name__ == "__main__":` around a call that works in processes of its own.
    """
    main = sys.modules["__main__"]
    if module == "__main__":
        yield
        return
    kept = {name: getattr(main, name) for name in ("__spec__", "__file__") if hasattr(main, name)}
    for name in kept:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)


@contextmanager
def _listening(ledger: Ledger) -> Iterator[Any]:
    """A queue whose entries (name, steps, note) go into the ledger."""
    reports = multiprocessing.get_context("spawn").Queue()

    def listen() -> None:
        while (item := reports.get()) is not None:
            ledger.add(*item)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield reports
    finally:
        reports.put(None)
        listener.join(5)
        reports.close()


_reports: Any = None  # of this worker process: set once, when it begins


def _begin_worker(reports: Any, parent: int, begun: Any, over: Any) -> None:
    global _reports
    _reports = reports
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent meets Ctrl-C too, and ends all
    begun.set()
    threading.Thread(target=end_with, args=(parent, over), daemon=True).start()


def end_with(parent: int, over: Any) -> None:
    """Ends this worker when its parent is gone or says so: a stopped command leaves nothing running."""
    while os.getppid() == parent and not over.wait(POLL_SECONDS):
        pass
    os._exit(1)


def _call(name: str, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    last, pending = time.monotonic(), 0.0

    def report(steps: float, note: str = "") -> None:
        nonlocal last, pending
        pending += steps
        if time.monotonic() - last > POLL_SECONDS:
            _reports.put((name, pending, note))
            last, pending = time.monotonic(), 0.0

    return function(*args, report)

"""Runs jobs that depend on each other; `LocalExecutor` on the cores of this machine."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, Protocol

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress, Task

Report = Callable[[float, str], None]
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Job:
    """A call `function(*args, report)` that may start when the jobs in `after` are done.

    `function` must be importable by name; `size` is how many steps it reports in all.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    after: tuple[str, ...] = ()
    size: float = 1


@dataclass
class Outcome:
    """What became of the jobs: results by name, errors by name, and those that could not start for them."""

    results: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


class Executor(Protocol):
    """Something that runs jobs."""

    def run(
        self, jobs: Sequence[Job], description: str, progress: Progress, done: Callable[[str, Any], None]
    ) -> Outcome:
        """Runs all that can be run; `done(name, result)` is called here as each job ends well."""


@dataclass(frozen=True)
class LocalExecutor:
    """Processes on this machine: a failing job stops what needs it, nothing else; a dead parent ends them all."""

    workers: int = 0  # 0: one per core

    def run(
        self,
        jobs: Sequence[Job],
        description: str,
        progress: Progress = SILENT,
        done: Callable[[str, Any], None] = lambda name, result: None,
    ) -> Outcome:
        """Runs the jobs, those that most others wait for first."""
        outcome = Outcome()
        if not jobs:
            return outcome
        context = multiprocessing.get_context("spawn")
        reports = context.Queue()
        count = min(self.workers or usable_cores(), len(jobs))
        total = sum(job.size for job in jobs)
        pool = ProcessPoolExecutor(count, context, initializer=_begin_worker, initargs=(reports, os.getpid()))
        with progress.task(description, total) as task:
            ledger = _Ledger(task, {job.name: job.size for job in jobs})
            listener = threading.Thread(target=_listen, args=(reports, ledger), daemon=True)
            listener.start()
            try:
                _schedule(pool, jobs, outcome, ledger, done, count)
            except BrokenProcessPool:
                raise ClewError(
                    "a worker process was killed: nothing finished is lost, the same command goes on. Out of memory? "
                    "In a script of your own, is the call below `if __name__ == '__main__':`?"
                ) from None
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
                reports.put(None)
                listener.join(5)
                reports.close()
        return outcome


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Ledger:
    """Adds up what the jobs report, so that each job counts its size in the end."""

    def __init__(self, task: Task, sizes: Mapping[str, float]) -> None:
        self.task, self.sizes = task, sizes
        self.seen = dict.fromkeys(sizes, 0.0)
        self.lock = threading.Lock()

    def add(self, name: str, steps: float, note: str) -> None:
        with self.lock:
            steps = min(steps, self.sizes[name] - self.seen[name])
            self.seen[name] += steps
        self.task.advance(steps, f"{name} {note}".strip())

    def close(self, name: str) -> None:
        self.add(name, self.sizes[name] - self.seen[name], "")


def _listen(reports: Any, ledger: _Ledger) -> None:
    while (item := reports.get()) is not None:
        ledger.add(*item)


def _schedule(
    pool: ProcessPoolExecutor,
    jobs: Sequence[Job],
    outcome: Outcome,
    ledger: _Ledger,
    done: Callable[[str, Any], None],
    workers: int,
) -> None:
    waiting = {job.name: job for job in jobs}
    weight = chain_weights(jobs)
    running: dict[Future[Any], str] = {}
    while waiting or running:
        for name in _blocked(waiting, outcome):
            outcome.skipped.append(name)
            ledger.close(name)
            del waiting[name]
        unfinished = set(waiting) | set(running.values())
        ready = [job for job in waiting.values() if not unfinished & set(job.after)]
        ready.sort(key=lambda job: -weight[job.name])  # stable: the jobs' own order breaks ties
        for job in ready[: workers - len(running)]:
            running[pool.submit(_call, job.name, job.function, job.args)] = job.name
            del waiting[job.name]
        if not running:
            continue
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            name = running.pop(future)
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                raise error
            if error is not None:
                outcome.errors[name] = (
                    str(error) if isinstance(error, ClewError) else f"{type(error).__name__}: {error}"
                )
            else:
                outcome.results[name] = future.result()
                done(name, future.result())
            ledger.close(name)


def _blocked(waiting: Mapping[str, Job], outcome: Outcome) -> list[str]:
    """The jobs that wait, directly or through others, for one that failed."""
    lost = set(outcome.errors) | set(outcome.skipped)
    found: list[str] = []
    while more := [n for n, job in waiting.items() if n not in found and (lost | set(found)) & set(job.after)]:
        found += more
    return found


def chain_weights(jobs: Sequence[Job]) -> dict[str, float]:
    """For each job the size of the longest chain that starts with it; raises ClewError for a circle."""
    followers: dict[str, list[str]] = {job.name: [] for job in jobs}
    for job in jobs:
        for before in job.after:
            if before in followers:
                followers[before].append(job.name)
    sizes = {job.name: job.size for job in jobs}
    weight: dict[str, float] = {}
    for _ in jobs:
        for name in sizes:
            if name not in weight and all(f in weight for f in followers[name]):
                weight[name] = sizes[name] + max((weight[f] for f in followers[name]), default=0)
        if len(weight) == len(sizes):
            return weight
    raise ClewError("the jobs wait for each other in a circle.")


_reports: Any = None  # of this worker process: set once, when it begins


def _begin_worker(reports: Any, parent: int) -> None:
    global _reports
    _reports = reports
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Ends this worker when its parent is gone: a killed command leaves nothing running."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
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

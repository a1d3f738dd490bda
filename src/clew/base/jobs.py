"""Jobs that depend on each other, and the order in which they may start: what every executor shares."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from typing import Any, Protocol

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress, Task

Report = Callable[[float, str], None]
Done = Callable[[str, Any], None]
Failed = Callable[[str, str, bool], bool]


@dataclass(frozen=True)
class Job:
    """A call `function(*args, report)` that may start when the jobs in `after` are done.

    `function` must be importable by name; `size` is how many steps it reports in all; `cores` how many it keeps busy.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    after: tuple[str, ...] = ()
    size: float = 1
    cores: int = 1


@dataclass
class Outcome:
    """What became of the jobs: errors by name, and those that could not start for them; all others are done."""

    errors: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def ignore(name: str, result: Any) -> None:
    """Does nothing with a result."""


def give_up(name: str, why: str, killed: bool) -> bool:
    """Leaves a failed job an error."""
    return False


class Executor(Protocol):
    """Something that runs jobs."""

    def run(
        self,
        jobs: Sequence[Job],
        description: str,
        progress: Progress = SILENT,
        done: Done = ignore,
        failed: Failed = give_up,
    ) -> Outcome:
        """Runs all that can be run; `done(name, result)` is called here as each job ends well.

        `failed(name, why, killed)` is called for one that raised, or that ended the process it ran in twice
        (killed): True says that it is taken care of and counts as done; it may raise to end everything.
        """


class Agenda:
    """Which job comes next: of those that may start, the one that starts the longest chain, then the earliest."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = {job.name: job for job in jobs}
        self.order = {job.name: number for number, job in enumerate(jobs)}
        self.weight = chain_weights(jobs)
        self.followers = _followers(jobs)
        self.unmet = {job.name: sum(name in self.jobs for name in set(job.after)) for job in jobs}
        self.left = set(self.jobs)
        self.ready: list[tuple[float, int, str]] = []
        for name, count in self.unmet.items():
            if not count:
                self._push(name)

    def _push(self, name: str) -> None:
        heappush(self.ready, (-self.weight[name], self.order[name], name))

    def take(self) -> Job | None:
        """The next job, or None when none may start yet."""
        if not self.ready:
            return None
        name = heappop(self.ready)[2]
        self.left.discard(name)
        return self.jobs[name]

    def finished(self, name: str) -> None:
        """Lets start what waited for `name`."""
        for follower in self.followers[name]:
            self.unmet[follower] -= 1
            if not self.unmet[follower] and follower in self.left:
                self._push(follower)

    def failed(self, name: str) -> list[str]:
        """Takes away all jobs that wait, directly or through others, for `name`; returns them in their order."""
        found: set[str] = set()
        look = [name]
        while look:
            more = [f for f in self.followers[look.pop()] if f in self.left and f not in found]
            found.update(more)
            look += more
        self.left -= found
        return sorted(found, key=self.order.__getitem__)


def _followers(jobs: Sequence[Job]) -> dict[str, list[str]]:
    followers: dict[str, list[str]] = {job.name: [] for job in jobs}
    for job in jobs:
        for before in set(job.after):
            if before in followers:
                followers[before].append(job.name)
    return followers


def chain_weights(jobs: Sequence[Job]) -> dict[str, float]:
    """For each job the size of the longest chain that starts with it; raises ClewError for a circle."""
    followers = _followers(jobs)
    weight = {job.name: float(job.size) for job in jobs}
    try:
        for name in TopologicalSorter(followers).static_order():  # followers first
            weight[name] += max((weight[f] for f in followers[name]), default=0)
    except CycleError:
        raise ClewError("the jobs wait for each other in a circle.") from None
    return weight


class Ledger:
    """Adds up what the jobs report, so that each job counts its size in the end; safe to call from threads."""

    def __init__(self, task: Task, sizes: Mapping[str, float]) -> None:
        self.task, self.sizes = task, sizes
        self.seen: dict[str, float] = {}  # of the jobs under way
        self.lock = threading.Lock()

    def add(self, name: str, steps: float, note: str) -> None:
        """Counts `steps` of the job `name`, at most its size."""
        with self.lock:
            before = self.seen.get(name, 0.0)
            steps = min(steps, self.sizes[name] - before)
            self.seen[name] = before + steps
        self.task.advance(steps, f"{name} {note}".strip())

    def close(self, name: str) -> None:
        """Counts what is left of the job `name`."""
        self.add(name, self.sizes[name] - self.seen.get(name, 0.0), "")


def settle_failure(
    agenda: Agenda, ledger: Ledger, outcome: Outcome, failed: Failed, name: str, why: str, killed: bool
) -> None:
    """Asks `failed` about a job; one that nobody takes care of is an error and ends what waits for it."""
    if failed(name, why, killed):
        agenda.finished(name)
        return
    outcome.errors[name] = why
    for skipped in agenda.failed(name):
        outcome.skipped.append(skipped)
        ledger.close(skipped)


def tell(error: BaseException) -> str:
    """An error of a job in one line."""
    return str(error) if isinstance(error, ClewError) else f"{type(error).__name__}: {error}"

"""A crew on a Ray cluster: many machines that see the same files under the same paths."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from clew.base.errors import ClewError
from clew.base.jobs import tell
from clew.base.ray_executor import LOOK_SECONDS, RETRIES, RayExecutor
from clew.scan.crew import Crew, Work

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 8  # items that a task takes: what is lost with a machine, and what pays for sending it there
AHEAD = 8  # chunks for each core that may be finished before an earlier one is


class RayCrew(Generic[Item, Result]):
    """As a `Crew`, its items sent in chunks to the cluster at RAY_ADDRESS, else to one started here for the run.

    In each of the cluster's processes a crew of one process does the work, so that items that end or hang their
    process are lost alone there too. `begin` must be equal, when it comes to the same process with the next chunk, to
    what came before. `workers` cores to start a cluster with.
    """

    def __init__(self, begin: Callable[[], Work[Item, Result]], workers: int = 0, seconds: float = 600.0) -> None:
        self.begin, self.seconds = begin, seconds
        self.executor = RayExecutor(workers=workers)
        self.stack = ExitStack()

    def __enter__(self) -> RayCrew[Item, Result]:
        self.ray = self.stack.enter_context(self.executor.connected())
        self.remote = self.ray.remote(num_cpus=1, max_retries=RETRIES)(_work_on)
        return self

    def __exit__(self, *error: Any) -> None:
        self.stack.close()

    def in_order(
        self,
        items: Iterable[Item],
        lost: Callable[[Item, str], Result],
        known: Callable[[Item], Result | None] = lambda item: None,
        made: Callable[[Item, Result], None] = lambda item, result: None,
    ) -> Iterator[Result]:
        """As `Crew.in_order`."""
        source = _chunks(items, known)
        slots: deque[list[Any]] = deque()  # of each chunk its results, empty while it is worked on
        running: dict[Any, tuple[list[Any], list[tuple[Item, Result | None]]]] = {}
        ended = False
        while not ended or slots:
            while slots and slots[0]:
                yield from slots.popleft()
            cores = max(1, int(self.ray.cluster_resources().get("CPU", 1)))  # the cluster may grow
            while not ended and len(running) < 2 * cores and len(slots) < AHEAD * cores:
                chunk = next(source, None)
                if chunk is None:
                    ended = True
                    break
                slots.append([])
                wanted = [item for item, result in chunk if result is None]
                if wanted:
                    running[self.remote.remote(self.begin, self.seconds, wanted)] = slots[-1], chunk
                else:
                    slots[-1] += [result for _, result in chunk]
            if running:
                for handle in self.ray.wait(list(running), num_returns=1, timeout=LOOK_SECONDS)[0]:
                    slot, chunk = running.pop(handle)
                    slot += self._results(handle, chunk, lost, made)

    def _results(
        self,
        handle: Any,
        chunk: list[tuple[Item, Result | None]],
        lost: Callable[[Item, str], Result],
        made: Callable[[Item, Result], None],
    ) -> list[Result]:
        """The results of a chunk, those that were known among them."""
        try:
            said = iter(self.ray.get(handle))
        except self.ray.exceptions.RayTaskError as error:  # no process could begin
            raise ClewError(tell(error.cause)) from None
        except self.ray.exceptions.RayError as error:  # its machine was lost, every time
            said = iter([_Lost(f"the machine that read it was lost ({type(error).__name__})")] * len(chunk))
        results = []
        for item, result in chunk:
            if result is None:
                found = next(said)
                result = lost(item, found.why) if isinstance(found, _Lost) else found
                made(item, result)
            results.append(result)
        return results


def _chunks(
    items: Iterable[Item], known: Callable[[Item], Result | None]
) -> Iterator[list[tuple[Item, Result | None]]]:
    """The items in their order, with what is known of them; in each part at most CHUNK of which nothing is."""
    chunk: list[tuple[Item, Result | None]] = []
    open_ = 0
    for item in items:
        result = known(item)
        chunk.append((item, result))
        open_ += result is None
        if open_ == CHUNK or len(chunk) == 8 * CHUNK:
            yield chunk
            chunk, open_ = [], 0
    if chunk:
        yield chunk


@dataclass(frozen=True)
class _Lost:
    """Instead of a result."""

    why: str


def _work_on(begin: Callable[[], Work[Any, Any]], seconds: float, items: Sequence[Any]) -> list[Any]:
    """A task: of each item its result, or that it was lost."""
    crew = _crew(begin, seconds)
    try:
        return list(crew.in_order(items, lambda item, why: _Lost(why)))
    except BaseException:
        _crew.cache_clear()
        crew.__exit__()
        raise


@lru_cache(maxsize=1)
def _crew(begin: Callable[[], Work[Any, Any]], seconds: float) -> Crew[Any, Any]:
    """One for all tasks of this process, so that the ticket is loaded once."""
    return Crew(begin, 1, seconds)

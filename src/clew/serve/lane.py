"""A lane: so many worker processes of one kind, each replaced when it ends; calls wait for one that is free."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

from clew.base.errors import ClewError
from clew.serve.process import Worker

_PAUSES = (0.0, 1.0, 2.0, 5.0, 15.0, 30.0)  # seconds before a worker that could not start is tried again

log = logging.getLogger("clew.serve")


class Lane:
    """`size` workers that do `work`; all are there once `open` is done."""

    def __init__(self, work: str, settings: Mapping[str, Any], size: int, memory: int) -> None:
        self.work, self.settings, self.size, self.memory = work, settings, size, memory
        self.workers: set[Worker] = set()
        self.replaced = 0  # how many had to be
        self.failing = False  # the last replacement could not start
        self._free: asyncio.Queue[Worker] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def alive(self) -> int:
        """How many workers are there."""
        return len(self.workers)

    @property
    def able(self) -> bool:
        """Whether a call will find a worker, now or when one that ended is replaced."""
        return bool(self.workers) or not self.failing

    async def open(self) -> None:
        """Starts the workers, the first before the others: what it measures is kept for them. Raises ClewError."""
        await self._add()
        await asyncio.gather(*(self._add() for _ in range(self.size - 1)))

    async def _add(self) -> None:
        worker = await Worker.start(self.work, self.settings, self.memory)
        if self._closed:
            await worker.kill()
            return
        self.workers.add(worker)
        self._free.put_nowait(worker)
        self._in_background(self._watch(worker))

    async def _watch(self, worker: Worker) -> None:
        await worker.process.wait()
        self._replace(worker)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Worker]:
        """A free worker for a while; one that is broken afterwards is killed, and another takes its place."""
        worker = await self._free.get()
        while worker not in self.workers:  # it was killed while nobody used it
            worker = await self._free.get()
        try:
            yield worker
        finally:
            if worker.broken:
                worker.stop()
                self._replace(worker)
            elif worker in self.workers:
                self._free.put_nowait(worker)

    def _replace(self, worker: Worker) -> None:
        if worker in self.workers and not self._closed:
            self.workers.discard(worker)
            self.replaced += 1
            self._in_background(self._replaced(worker))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replaced(self, worker: Worker) -> None:
        await worker.kill()
        at = 0
        while not self._closed:
            try:
                await asyncio.sleep(_PAUSES[min(at, len(_PAUSES) - 1)])
                await self._add()
                self.failing = False
                return
            except (ClewError, OSError) as error:
                log.error("a worker could not be replaced: %s", error)
                self.failing = True
                at += 1

    async def close(self) -> None:
        """Ends all workers."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.kill() for worker in self.workers))
        self.workers.clear()

"""The sparse engine: a network's graph and weights as machine code, run on pictures."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise, starmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.runtime.assemble import assemble
from clew.runtime.compiled import Code
from clew.runtime.executable import Executable, executable, loaded
from clew.runtime.fold import fold
from clew.runtime.graph import Graph
from clew.runtime.kernels import runner
from clew.runtime.memory import arena
from clew.runtime.target import Target

RUN = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p
)
MANY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)


class Engine:
    """An executable in memory, which finds logits over `threads` threads; not for two callers at a time."""

    def __init__(self, ready: Executable, target: Target, threads: int = 1) -> None:
        self.ready, self.threads = ready, max(1, threads)
        self._code = Code(ready.code.tobytes(), target)
        self._data = loaded(ready.data)
        self._run, self._many = RUN(self._code.address(runner.NAME)), MANY(self._code.address(runner.MANY))
        self._benches: list[_Bench] = [_Bench(self)]

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (B, K) of images (B, 3, H, W), float32 in [0, 1]; raises ValueError for another shape.

        Several pictures are shared out among the threads, of a single one the work.
        """
        if images.ndim != 4 or images.shape[1:] != self.ready.shape:
            raise ValueError(f"expected images (B, {', '.join(map(str, self.ready.shape))}), found {images.shape}")
        images = _laid(images, np.float32)
        found = np.empty((len(images), self.ready.count), np.float32)
        if self.threads == 1:
            self._benches[0].run(images, found)
        elif len(images) == 1:
            self._together(images, found)
        else:
            self._side_by_side(images, found)
        return found

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads - 1)

    def _side_by_side(self, images: NDArray[np.float32], found: NDArray[np.float32]) -> None:
        """Each thread takes some of the pictures, with an arena of its own."""
        count = min(self.threads, len(images))
        while len(self._benches) < count:
            self._benches.append(_Bench(self))
        cuts = [len(images) * at // count for at in range(count + 1)]
        parts = list(zip(self._benches, starmap(slice, pairwise(cuts)), strict=False))
        waiting = [self._pool.submit(bench.run, images[part], found[part]) for bench, part in parts[1:]]
        bench, part = parts[0]
        bench.run(images[part], found[part])
        _wait(waiting)

    def _together(self, images: NDArray[np.float32], found: NDArray[np.float32]) -> None:
        """All threads work on one picture, and meet after each layer."""
        bench = self._benches[0]
        bench.meeting[0] = 0
        bench.take(images[0])
        waiting = [self._pool.submit(bench.step, part, self.threads) for part in range(1, self.threads)]
        bench.step(0, self.threads)
        _wait(waiting)
        found[0] = bench.logits


class _Bench:
    """Where pictures are worked on one after the other: an arena, and arguments that name its picture."""

    def __init__(self, engine: Engine) -> None:
        ready = engine.ready
        self._engine = engine  # its code and weights stay as long as this does
        self._numbers = ready.numbers.copy()
        places, at = ready.fixups.T
        self._numbers[places] = engine._data.ctypes.data + at
        self._pictures = list(ready.pictures)
        self._arena = arena(ready.arena)
        kernels = [engine._code.address(f"kernel{number}") for number in range(int(ready.calls[:, 0].max()) + 1)]
        starts = self._numbers.ctypes.data + 8 * ready.calls[:, 1]
        self._steps = np.stack([np.array(kernels, np.int64)[ready.calls[:, 0]], starts], 1)
        self._slots = self._numbers.ctypes.data + 8 * np.array(ready.pictures, np.int64)
        sizes = (4 * math.prod(ready.shape), len(ready.pictures), 0, ready.output, ready.count)
        self._job = np.array([0, 0, 0, *sizes], np.int64)
        self._call = (self._steps.ctypes.data, len(self._steps), self._arena.ctypes.data, self._job.ctypes.data)
        self.meeting = np.array([0, _yielding()], np.int64)
        self.logits = self._arena[ready.output : ready.output + 4 * ready.count].view(np.float32)

    def take(self, image: NDArray[np.float32]) -> None:
        """The picture (3, H, W) that the next step is about: it must stay where it is until then."""
        self._numbers[self._pictures] = image.ctypes.data

    def step(self, part: int = 0, parts: int = 1, first: int = 0, count: int | None = None) -> None:
        """One part of the program, or of `count` calls from `first` on."""
        count = len(self._steps) if count is None else count
        steps = self._steps.ctypes.data + 16 * first
        self._engine._run(steps, count, self._arena.ctypes.data, part, parts, self.meeting.ctypes.data)

    def run(self, images: NDArray[np.float32], found: NDArray[np.float32]) -> None:
        """Writes the logits (B, K) of images (B, 3, H, W), both without gaps: in one call, which lets others run."""
        self._job[:3] = images.ctypes.data, self._slots.ctypes.data, found.ctypes.data
        self._job[5] = len(images)
        self._engine._many(*self._call)


_laid = np.ascontiguousarray


def _wait(waiting: Sequence[Any]) -> None:
    for one in waiting:
        one.result()


def _yielding() -> int:
    """The address of the system's function that hands the processor on."""
    found = ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value
    assert found
    return found


def build(
    graph: Graph, tensors: Mapping[str, NDArray[Any]], target: Target, half: bool = False, gap: int = 0
) -> Executable:
    """Makes an executable of a graph with these tensors; raises ValueError for what does not fit or has no kernel."""
    return executable(assemble(fold(graph, tensors), target, half), target, graph.input, gap)

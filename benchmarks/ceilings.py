"""What one core can do at most: multiply-adds from registers and from each level of the cache, and copying.

The kernels are made by the engine's own emitter, for the same vectors. Each number is the best of several tries, since
whatever else the machine does only takes away from it.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from clew.runtime.compiled import Code, object_code
from clew.runtime.kernels.emit import Kernel, whole
from clew.runtime.memory import arena
from clew.runtime.target import Target
from clew.runtime.tiling import FIRST, SECOND

SUMS = 12  # more than a processor has under way at a time, and no more than registers hold
CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
TRIES = 15


@dataclass(frozen=True)
class Ceilings:
    """Of one core: `caches` in bytes; multiply-adds per second; copying in bytes read and written per second.

    `loads` and `copies` by level: "L1", "L2", and "L3" for all that is beyond. `loads`: one operand comes from there.
    """

    caches: Mapping[str, int]
    registers: float
    loads: Mapping[str, float]
    copies: Mapping[str, float]

    def level(self, size: float) -> str:
        """The nearest level that holds so many bytes."""
        return next((name for name, room in self.caches.items() if size <= room), "L3")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def caches() -> dict[str, int]:
    """Bytes of the first- and second-level data cache, by the system's word, or else what the engine counts on."""
    found = {}
    for name, key, usual in (("L1", "SC_LEVEL1_DCACHE_SIZE", FIRST), ("L2", "SC_LEVEL2_CACHE_SIZE", SECOND)):
        known = os.sysconf(key) if key in os.sysconf_names else 0
        found[name] = known if known > 0 else usual
    return found


def measured(target: Target, half: bool, seconds: float = 0.01) -> Ceilings:
    """Measures for fp32 or fp16 (`half`); every try takes about so many seconds."""
    module = ir.Module("ceilings")
    module.triple = target.triple
    for emit in (registers, loads, copies):
        emit(module, target, half)
    code = Code(object_code(module, target), target)
    rooms = caches()
    # a level is measured with what fills half of it, so that it is this level alone
    sizes = {"L1": rooms["L1"] // 2, "L2": rooms["L2"] // 2, "L3": 16 * rooms["L2"]}
    memory = arena(2 * sizes["L3"])
    step = SUMS * target.bytes
    vectors = {name: size // step * SUMS for name, size in sizes.items()}
    lanes = target.lanes(half)

    def rate(name: str, count: int, each: float) -> float:
        """So many vectors at a time: how much per second, where a vector is `each`."""
        function = CALL(code.address(name))
        return each * count * _turns_per_second(lambda turns: _call(function, memory, count, turns), seconds)

    return Ceilings(
        rooms,
        rate("registers", SUMS, lanes),
        {name: rate("loads", count, lanes) for name, count in vectors.items()},
        {name: rate("copies", count // 2 // SUMS * SUMS, 2 * target.bytes) for name, count in vectors.items()},
    )


def _call(function: Any, memory: Any, vectors: int, turns: int) -> None:
    args = np.array([vectors, turns], np.int64)
    function(args.ctypes.data, memory.ctypes.data, 0, 1)


def _turns_per_second(run: Callable[[int], None], seconds: float) -> float:
    """The best of several tries of about so many seconds each."""
    turns = 1
    # the least of three, for the first call makes room and another process may come between
    while min(_seconds(run, turns) for _ in range(3)) < seconds / 2:
        turns *= 2
    return max(turns / _seconds(run, turns) for _ in range(TRIES))


def _seconds(run: Callable[[int], None], turns: int) -> float:
    start = time.perf_counter()
    run(turns)
    return max(time.perf_counter() - start, 1e-9)


def registers(module: Any, target: Target, half: bool) -> None:
    """Multiply-adds of what is in registers, SUMS of them side by side."""
    k = Kernel(module, "registers", target, half)
    started = [k.load(k.arena, at) for at in range(SUMS)]
    x, y = k.load(k.arena, SUMS), k.load(k.arena, SUMS + 1)
    with k.loop(whole(0), k.arg(1), carried=started) as turn:
        turn.next = [k.multiply_add(x, y, one) for one in turn.carried]
    _kept(k, turn.carried)


def loads(module: Any, target: Target, half: bool) -> None:
    """Multiply-adds of which one operand comes from memory, vector after vector."""
    k = Kernel(module, "loads", target, half)
    weight = k.load(k.arena)
    with k.loop(whole(0), k.arg(1), carried=[k.zero] * SUMS) as turn:
        with k.loop(whole(0), k.arg(0), whole(SUMS), carried=turn.carried) as at:
            base = k.moved(k.arena, at.index)
            at.next = [k.multiply_add(k.load(base, one), weight, value) for one, value in enumerate(at.carried)]
        turn.next = at.carried
    _kept(k, turn.carried)


def copies(module: Any, target: Target, half: bool) -> None:
    """The first vectors of the arena into those behind them."""
    k = Kernel(module, "copies", target, half)
    with (
        k.loop(whole(0), k.arg(1)),
        k.loop(whole(0), k.arg(0), whole(SUMS)) as at,
    ):
        source, goes = (k.moved(k.arena, place) for place in (at.index, k.b.add(at.index, k.arg(0))))
        for one, value in enumerate([k.load(source, one) for one in range(SUMS)]):
            k.store(value, goes, one)
    k.done()


def _kept(k: Kernel, values: list[Any]) -> None:
    """Written, so that the compiler leaves nothing out."""
    for at, value in enumerate(values):
        k.store(value, k.arena, at)
    k.done()

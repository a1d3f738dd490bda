"""Linear layers on vectors of fp32: dense rows by vectors, sparse rows by their nonzeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clew.runtime.kernels.emit import I32, Kernel, ir, whole
from clew.runtime.kernels.epilogue import PLAIN, Finish, Finisher
from clew.runtime.kernels.mean import sum_of_lanes
from clew.runtime.target import Target

ARGS = ("input", "output", "blocks", "first", "places", "values", "bias")  # then those of the finish
SUMS = 4  # kept side by side, since each multiply-add waits for the one before


@dataclass(frozen=True)
class Linear:
    """Outputs in `blocks` of as many as a vector has lanes; `first` value of each output, then of the next.

    `sparse`: a value's number in the input is in `places`; else values are whole rows, in vectors, a multiple of SUMS.
    """

    sparse: bool
    finish: Finish = PLAIN


def emit(module: Any, name: str, shape: Linear, target: Target, half: bool) -> None:
    """Writes the kernel."""
    k = Kernel(module, name, target)
    b = k.b
    floats = ir.FloatType().as_pointer()
    source, output = b.bitcast(k.place(0), floats), k.place(1)
    rows, places = k.table(3, I32), k.table(4, I32)
    values, bias = k.table(5, ir.FloatType()), k.table(6, ir.FloatType())
    finisher = Finisher(k, shape.finish, len(ARGS))
    gathered = b.alloca(ir.FloatType(), k.lanes)
    gathered.align = target.bytes
    first, last = k.share(k.arg(2))
    with k.loop(first, last) as block:
        start = b.mul(block.index, whole(k.lanes))
        with k.loop(whole(0), whole(k.lanes)) as lane:
            row = b.add(start, lane.index)
            begin, end = k.number(rows, row), k.number(rows, b.add(row, whole(1)))
            dot = (
                _sparse(k, source, places, values, begin, end)
                if shape.sparse
                else _dense(k, source, values, begin, end)
            )
            b.store(dot, b.gep(gathered, [lane.index]))
        found = b.fadd(k.load(b.bitcast(gathered, k.arena.type)), _unaligned(k, b.gep(bias, [start])))
        (found,) = finisher.apply([found], whole(0), [(0, 0)], [])
        k.store(found, k.moved(output, block.index))
    k.done()


def _dense(k: Kernel, source: Any, values: Any, begin: Any, end: Any) -> Any:
    b = k.b
    with k.loop(begin, end, whole(SUMS * k.lanes), [k.zero] * SUMS) as turn:
        found = []
        for one in range(SUMS):
            at = b.add(turn.index, whole(one * k.lanes))
            weight = _unaligned(k, b.gep(values, [at]))
            found.append(k.multiply_add(_unaligned(k, b.gep(source, [b.sub(at, begin)])), weight, turn.carried[one]))
        turn.next = found
    first, second, third, fourth = turn.carried
    return sum_of_lanes(k, b.fadd(b.fadd(first, second), b.fadd(third, fourth)))


def _sparse(k: Kernel, source: Any, places: Any, values: Any, begin: Any, end: Any) -> Any:
    """Nonzeros come in multiples of SUMS: the last of a row may be zeros."""
    b = k.b
    zero = ir.Constant(ir.FloatType(), 0.0)
    with k.loop(begin, end, whole(SUMS), [zero] * SUMS) as turn:
        found = []
        for one in range(SUMS):
            at = b.add(turn.index, whole(one))
            number = b.load(b.gep(source, [k.number(places, at)]))
            found.append(b.fadd(turn.carried[one], b.fmul(number, b.load(b.gep(values, [at])))))
        turn.next = found
    first, second, third, fourth = turn.carried
    return b.fadd(b.fadd(first, second), b.fadd(third, fourth))


def _unaligned(k: Kernel, place: Any) -> Any:
    found = k.b.load(k.b.bitcast(place, k.vector.as_pointer()))
    found.align = 4
    return found

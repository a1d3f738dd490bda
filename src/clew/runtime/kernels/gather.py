"""Gathering: maps or pictures of one layout into another, number by number through a table of places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clew.runtime.kernels.emit import I32, Kernel, ir, whole
from clew.runtime.kernels.epilogue import PLAIN, Finish, Finisher
from clew.runtime.target import Target

ARGS = ("input", "output", "channels", "plane_in", "plane_out", "places", "spots", "count")  # then those of the finish


@dataclass(frozen=True)
class Gather:
    """`outside`: the input is fp32 at an address, else it is in the arena, in numbers of the kernel's kind.

    `widened`: the input is fp16 in the arena, the kernel's kind fp32.
    `plane_in` counts numbers, `plane_out` vectors; `places` the numbers before each lane of each vector, `spots` the
    vectors before each vector, `count` how many there are in a channel; masks go by that count.
    """

    outside: bool = False
    widened: bool = False
    finish: Finish = PLAIN


def emit(module: Any, name: str, shape: Gather, target: Target, half: bool) -> None:
    """Writes the kernel."""
    k = Kernel(module, name, target, half)
    b = k.b
    kind = ir.FloatType() if shape.outside else ir.HalfType() if shape.widened else k.element
    source = k.table(0, kind) if shape.outside else b.bitcast(k.place(0), kind.as_pointer())
    output, places, spots = k.place(1), k.table(5, I32), k.table(6, I32)
    plane_in, plane_out, count = k.arg(3), k.arg(4), k.arg(7)
    finisher = Finisher(k, shape.finish, len(ARGS))
    first, last = k.share(k.arg(2))
    with k.loop(first, last) as channel:
        base = b.gep(source, [b.mul(channel.index, plane_in)])
        target_at = k.moved(output, b.mul(channel.index, plane_out))
        with k.loop(whole(0), count) as vector:
            value = _gathered(k, base, b.gep(places, [b.mul(vector.index, whole(k.lanes))]), kind)
            (value,) = finisher.apply([value], channel.index, [(0, 0)], [])
            spot = k.number(spots, vector.index)
            k.store(finisher.mask(value, vector.index), k.moved(target_at, spot))
    k.done()


def _gathered(k: Kernel, base: Any, places: Any, kind: Any) -> Any:
    """The numbers at the places of one vector."""
    if k.target.bytes == 64 and kind == ir.FloatType():
        return _by_instruction(k, base, places)
    found = ir.Constant(k.vector, ir.Undefined)
    for lane in range(k.lanes):
        one = k.b.load(k.b.gep(base, [k.number(places, whole(lane))]))
        if kind != k.element:
            one = k.b.fptrunc(one, k.element) if k.half else k.b.fpext(one, k.element)
        found = k.b.insert_element(found, one, ir.Constant(I32, lane))
    return found


def _by_instruction(k: Kernel, base: Any, places: Any) -> Any:
    """By AVX-512's own instruction, 16 numbers of fp32 at once."""
    b, sixteen, floats = k.b, ir.VectorType(I32, 16), ir.VectorType(ir.FloatType(), 16)
    bits = ir.VectorType(ir.IntType(1), 16)
    name = "llvm.x86.avx512.mask.gather.dps.512"
    kind = ir.FunctionType(floats, [floats, base.type, sixteen, bits, I32])
    known = k.module.globals.get(name)
    gather = known if known is not None else ir.Function(k.module, kind, name)
    every = ir.Constant(bits, [ir.Constant(ir.IntType(1), 1)] * 16)
    nothing = ir.Constant(floats, [ir.Constant(ir.FloatType(), 0.0)] * 16)
    parts = []
    for start in range(0, k.lanes, 16):
        at = b.load(b.bitcast(b.gep(places, [whole(start)]), sixteen.as_pointer()))
        at.align = 4
        found = b.call(gather, [nothing, base, at, every, ir.Constant(I32, 4)])
        parts.append(b.fptrunc(found, ir.VectorType(k.element, 16)) if k.half else found)
    if len(parts) == 1:
        return parts[0]
    order = ir.Constant(ir.VectorType(I32, 32), list(range(32)))
    return b.shuffle_vector(parts[0], parts[1], order)

"""The mean of each channel's map, as a vector of fp32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clew.runtime.kernels.emit import Kernel, ir, whole
from clew.runtime.target import Target

ARGS = ("input", "output", "channels")


@dataclass(frozen=True)
class Mean:
    """Sizes in vectors: `rows` and `columns` of the maps, whose other places hold zero; `count` places in a map."""

    rows: int
    columns: int
    pitch: int
    plane: int
    count: int


def emit(module: Any, name: str, shape: Mean, target: Target, half: bool) -> None:
    """Writes the kernel."""
    k = Kernel(module, name, target, half)
    b = k.b
    source, output = k.place(0), b.bitcast(k.place(1), ir.FloatType().as_pointer())
    first, last = k.share(k.arg(2))
    wide = ir.VectorType(ir.FloatType(), k.lanes)
    nothing = ir.Constant(wide, [ir.Constant(ir.FloatType(), 0.0)] * k.lanes)
    with k.loop(first, last) as channel:
        base = k.moved(source, b.mul(channel.index, whole(shape.plane)))
        with k.loop(whole(0), whole(shape.rows), carried=[nothing]) as row:
            start = k.moved(base, b.mul(row.index, whole(shape.pitch)))
            with k.loop(whole(0), whole(shape.columns), carried=row.carried) as column:
                value = k.load(k.moved(start, column.index))
                value = b.fpext(value, wide) if half else value
                column.next = [b.fadd(column.carried[0], value)]
            row.next = column.carried
        total = sum_of_lanes(k, row.carried[0])
        b.store(b.fmul(total, ir.Constant(ir.FloatType(), 1 / shape.count)), b.gep(output, [channel.index]))
    k.done()


def sum_of_lanes(k: Kernel, vector: Any) -> Any:
    """The sum of a vector's numbers, always in the same order."""
    b, lanes = k.b, vector.type.count
    while lanes > 1:
        lanes //= 2
        halves = [
            b.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(places)))
            for places in (range(lanes), range(lanes, 2 * lanes))
        ]
        vector = b.fadd(*halves)
    return b.extract_element(vector, ir.Constant(ir.IntType(32), 0))

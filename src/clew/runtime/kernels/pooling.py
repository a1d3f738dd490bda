"""Pooling: the largest, or the sum, of a window of the input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

from clew.runtime.kernels.emit import Kernel, whole
from clew.runtime.kernels.epilogue import PLAIN, Finish, Finisher
from clew.runtime.target import Target

ARGS = ("input", "output", "channels", "factors")  # then those of the finish


@dataclass(frozen=True)
class Pooling:
    """Sizes in vectors: `rows` and `columns` of the output; `largest`, or else the sum times a factor by place."""

    rows: int
    columns: int
    window: tuple[int, int]
    stride: tuple[int, int]
    pitch_in: int
    plane_in: int
    pitch_out: int
    plane_out: int
    largest: bool = True
    finish: Finish = PLAIN


def emit(module: Any, name: str, shape: Pooling, target: Target, half: bool) -> None:
    """Writes the kernel."""
    k = Kernel(module, name, target, half)
    b = k.b
    source, output, factors = k.place(0), k.place(1), k.table(3, k.element)
    finisher = Finisher(k, shape.finish, len(ARGS))
    first, last = k.share(k.arg(2))
    with (
        k.loop(first, last) as channel,
        k.loop(whole(0), whole(shape.rows)) as row,
        k.loop(whole(0), whole(shape.columns)) as column,
    ):
        down, across = b.mul(row.index, whole(shape.stride[0])), b.mul(column.index, whole(shape.stride[1]))
        at = b.add(b.add(b.mul(channel.index, whole(shape.plane_in)), b.mul(down, whole(shape.pitch_in))), across)
        corner = k.moved(source, at)
        window = [(y, x) for y in range(shape.window[0]) for x in range(shape.window[1])]
        values = [k.load(corner, y * shape.pitch_in + x) for y, x in window]
        value = reduce(k.largest if shape.largest else b.fadd, values)
        place = b.add(b.mul(row.index, whole(shape.columns)), column.index)
        if not shape.largest:
            value = b.fmul(value, k.load(k.moved(b.bitcast(factors, k.arena.type), place)))
        (value,) = finisher.apply([value], channel.index, [(0, 0)], [])
        target_at = b.add(b.mul(channel.index, whole(shape.plane_out)), b.mul(row.index, whole(shape.pitch_out)))
        k.store(finisher.mask(value, place), k.moved(output, b.add(target_at, column.index)))
    k.done()

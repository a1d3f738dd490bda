"""The halo of maps: the vectors around them hold what the neighbouring lanes hold at their edge.

A vector's lanes are places far apart in one picture, each with a piece of it; one step beyond a piece is the edge of
the next piece, in the next lane. Beyond the picture lies the filling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clew.runtime.kernels.emit import I32, LOWEST, Kernel, ir, whole
from clew.runtime.target import Target

ARGS = ("maps", "channels", "plane")  # then of each shift: the table of its pairs (to, from), their count


@dataclass(frozen=True)
class Halo:
    """`grid` lanes down and across; `shifts`: how many lanes further down and across what is copied comes from."""

    grid: tuple[int, int]
    shifts: tuple[tuple[int, int], ...]
    lowest: bool = False


def emit(module: Any, name: str, shape: Halo, target: Target, half: bool) -> None:
    """Writes the kernel."""
    k = Kernel(module, name, target, half)
    b = k.b
    maps, plane = k.place(0), k.arg(2)
    first, last = k.share(k.arg(1))
    tables = [(k.table(len(ARGS) + 2 * at, I32), k.arg(len(ARGS) + 2 * at + 1)) for at in range(len(shape.shifts))]
    filling = k.constant(LOWEST[half]) if shape.lowest else k.zero
    with k.loop(first, last) as channel:
        base = k.moved(maps, b.mul(channel.index, plane))
        for shift, (table, count) in zip(shape.shifts, tables, strict=True):
            with k.loop(whole(0), count) as pair:
                to, source = (k.number(table, b.add(b.mul(pair.index, whole(2)), whole(at))) for at in (0, 1))
                shifted = b.shuffle_vector(k.load(k.moved(base, source)), filling, _lanes(shape.grid, shift))
                k.store(shifted, k.moved(base, to))
    k.done()


def _lanes(grid: tuple[int, int], shift: tuple[int, int]) -> ir.Constant:
    """From which lane each lane takes its value; from the second vector, the filling, where there is none."""
    down, across = grid
    found = []
    for lane in range(down * across):
        y, x = lane // across + shift[0], lane % across + shift[1]
        inside = 0 <= y < down and 0 <= x < across
        found.append(ir.Constant(I32, y * across + x if inside else down * across))
    return ir.Constant(ir.VectorType(I32, len(found)), found)

"""The picture laid out: runs of neighbouring pixels, one of each lane's piece, become vectors across the lanes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clew.runtime.kernels.emit import I32, Kernel, ir, whole
from clew.runtime.kernels.epilogue import PLAIN, Finish, Finisher
from clew.runtime.target import Target

ARGS = ("input", "output", "channels")  # then those of the finish
RUN = 8  # pixels


@dataclass(frozen=True)
class Picture:
    """Rows of `width` pixels, `height` of them in a channel, all of which lie in the `grid` of pieces.

    Each piece has `rows` x `columns` pixels; `pitch` and `plane` of the output, in vectors.
    """

    height: int
    width: int
    grid: tuple[int, int]
    rows: int
    columns: int
    pitch: int
    plane: int
    finish: Finish = PLAIN


def run_of(lanes: int) -> int:
    """How many pixels are taken at a time: columns must be a multiple of it."""
    return min(RUN, lanes)


def emit(module: Any, name: str, shape: Picture, target: Target, half: bool) -> None:
    """Writes the kernel."""
    k = Kernel(module, name, target, half)
    b, run = k.b, run_of(k.lanes)
    image, output = k.table(0, ir.FloatType()), k.place(1)
    finisher = Finisher(k, shape.finish, len(ARGS))
    first, last = k.share(k.arg(2))
    with (
        k.loop(first, last) as channel,
        k.loop(whole(0), whole(shape.rows)) as row,
        k.loop(whole(0), whole(shape.columns), whole(run)) as column,
    ):
        at = b.add(b.mul(channel.index, whole(shape.height)), row.index)
        corner = b.gep(image, [b.add(b.mul(at, whole(shape.width)), column.index)])
        values = _across(k, [_pixels(k, corner, shape, lane, run) for lane in range(k.lanes)])
        values = finisher.apply(values, channel.index, [(0, x) for x in range(run)], [])
        spot = b.add(b.mul(channel.index, whole(shape.plane)), b.mul(row.index, whole(shape.pitch)))
        target_at = k.moved(output, b.add(spot, column.index))
        for x, value in enumerate(values):
            k.store(value, target_at, x)
    k.done()


def _pixels(k: Kernel, corner: Any, shape: Picture, lane: int, run: int) -> Any:
    """The run of one lane's piece."""
    down, across = divmod(lane, shape.grid[1])
    place = k.b.gep(corner, [whole(down * shape.rows * shape.width + across * shape.columns)])
    found = k.b.load(k.b.bitcast(place, ir.VectorType(ir.FloatType(), run).as_pointer()))
    found.align = 4
    return found


def _across(k: Kernel, lanes: list[Any]) -> list[Any]:
    """Of runs, one for each lane, the vectors across the lanes: number j of each.

    Two sequences are merged number by number, first lane i with lane i + half, and so on down to one sequence.
    """
    widest = k.target.lanes(False)
    sequences = [[lane] for lane in lanes]
    while len(sequences) > 1:
        half = len(sequences) // 2
        sequences = [_merged(k, sequences[at], sequences[at + half], widest) for at in range(half)]
    (parts,) = sequences
    if not k.half:
        return parts
    halves = [k.b.fptrunc(part, ir.VectorType(k.element, widest)) for part in parts]
    joined = _order(range(2 * widest))
    return [k.b.shuffle_vector(*halves[at : at + 2], joined) for at in range(0, len(halves), 2)]


def _merged(k: Kernel, one: list[Any], other: list[Any], widest: int) -> list[Any]:
    found = []
    for first, second in zip(one, other, strict=True):
        count = first.type.count
        order = [number for at in range(count) for number in (at, count + at)]
        cuts = [order] if 2 * count <= widest else [order[:count], order[count:]]
        found += [k.b.shuffle_vector(first, second, _order(cut)) for cut in cuts]
    return found


def _order(numbers: Any) -> ir.Constant:
    found = [ir.Constant(I32, number) for number in numbers]
    return ir.Constant(ir.VectorType(I32, len(found)), found)

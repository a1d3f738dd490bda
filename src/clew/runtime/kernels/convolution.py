"""Sparse convolution: for a tile of the output, each nonzero weight adds a multiple of a shifted tile of the input.

The tile's vectors stay in registers while the nonzeros of one filter pass by: one vector load and one multiply-add for
each nonzero and vector. Input channels are taken in blocks small enough for the first-level cache; sums are put by
between blocks. With `group` filters to a row of nonzeros, which share their places, the loads are shared too: that
is how layers run that have few zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clew.runtime.kernels.emit import I16, I32, Kernel, ir, whole
from clew.runtime.kernels.epilogue import PLAIN, Finish, Finisher
from clew.runtime.target import Target

ARGS: tuple[str, ...] = (
    "input",
    "output",
    "tiles",
    "tile_count",
    "rows",
    "row_count",
    "blocks",
    "deltas",
    "values",
    "bias",
    "scratch",
    "scratch_size",
    "by_tiles",
)  # then those of the finish
ROW = 4  # numbers of a row: vectors before its first place, nonzeros before its own, their count, the first filter
COLUMNS = 3  # numbers of a tile: vectors before it in the input and output, masks before it; then of each other tensor


@dataclass(frozen=True)
class Convolution:
    """What a kernel is made for; sizes in vectors.

    `tile` (rows, columns) before pooling; `stride`; `pitch_in`, `pitch_out` of a row, `plane_out` of a channel; `group`
    filters in a row of nonzeros; `unroll` nonzeros in a turn, each with sums of its own; `pool` 2x2 maximum at the end.
    """

    tile: tuple[int, int]
    stride: tuple[int, int]
    pitch_in: int
    pitch_out: int
    plane_out: int
    group: int = 1
    unroll: int = 1
    pool: bool = False
    finish: Finish = PLAIN

    @property
    def size(self) -> int:
        """The vectors of a tile."""
        return self.tile[0] * self.tile[1]

    @property
    def places(self) -> list[tuple[int, int]]:
        """The row and column of each vector of a tile."""
        return [(y, x) for y in range(self.tile[0]) for x in range(self.tile[1])]


def emit(module: Any, name: str, shape: Convolution, target: Target, half: bool) -> None:
    """Writes the kernel."""
    _Emitter(Kernel(module, name, target, half), shape).emit()


class _Emitter:
    def __init__(self, kernel: Kernel, shape: Convolution) -> None:
        self.k, self.shape, self.b = kernel, shape, kernel.b
        at = {name: place for place, name in enumerate(ARGS)}
        self.input, self.output = kernel.place(at["input"]), kernel.place(at["output"])
        self.tiles, self.rows = kernel.table(at["tiles"], I32), kernel.table(at["rows"], I32)
        self.deltas = kernel.table(at["deltas"], I16)
        self.values, self.bias = (kernel.table(at[name], kernel.element) for name in ("values", "bias"))
        self.row_count, self.blocks = kernel.arg(at["row_count"]), kernel.arg(at["blocks"])
        self.finisher = Finisher(kernel, shape.finish, len(ARGS))
        self._split(at)

    def _split(self, at: dict[str, int]) -> None:
        """This part's tiles: some of them, or where there is one only all, and some filters of it."""
        k, b = self.k, self.b
        by_tiles = b.icmp_signed("!=", k.arg(at["by_tiles"]), whole(0))
        count = k.arg(at["tile_count"])
        first, last = k.share(count)
        self.first_tile = b.select(by_tiles, first, whole(0))
        self.last_tile = b.select(by_tiles, last, count)
        self.all_rows = b.or_(by_tiles, b.icmp_signed("==", k.parts, whole(1)))
        own = b.mul(b.select(by_tiles, k.part, whole(0)), k.arg(at["scratch_size"]))
        self.scratch = b.gep(k.place(at["scratch"]), [own])

    def emit(self) -> None:
        k, b = self.k, self.b
        columns = COLUMNS + len(self.shape.finish.others)
        last_block = b.sub(self.blocks, whole(1))
        with k.loop(self.first_tile, self.last_tile) as tile:
            tile_at = b.mul(tile.index, whole(columns))
            corner = [k.number(self.tiles, b.add(tile_at, whole(column))) for column in range(columns)]
            with (
                k.loop(whole(0), self.blocks) as block,
                k.loop(whole(0), self.row_count) as turn,
            ):
                row = b.add(b.mul(block.index, self.row_count), turn.index)
                is_first = b.icmp_signed("==", block.index, whole(0))
                is_last = b.icmp_signed("==", block.index, last_block)
                at = b.mul(row, whole(ROW))
                numbers = [k.number(self.rows, b.add(at, whole(place))) for place in range(ROW)]
                with b.if_then(self._own(numbers[3])):
                    self._row(numbers, corner, is_first, is_last)
        k.done()

    def _own(self, channel: Any) -> Any:
        """Whether this part does the row of this filter: the same part in each block."""
        k, b = self.k, self.b
        before = b.block
        with b.if_then(b.not_(self.all_rows)):
            number = b.udiv(channel, whole(self.shape.group))
            own = b.icmp_signed("==", b.urem(number, k.parts), k.part)
            after = b.block
        found = b.phi(own.type)
        found.add_incoming(ir.Constant(own.type, 1), before)
        found.add_incoming(own, after)
        return found

    def _row(self, row: list[Any], corner: list[Any], is_first: Any, is_last: Any) -> None:
        k, b, shape = self.k, self.b, self.shape
        start, first, count, channel = row
        put_by = k.moved(self.scratch, b.mul(channel, whole(shape.size)))
        sums = self._begun(channel, put_by, is_first)
        source = k.moved(self.input, b.add(corner[0], start))
        sums = self._summed(sums, source, first, count)
        with b.if_else(is_last) as (then, otherwise):
            with then:
                self._finished(sums, channel, corner)
            with otherwise:
                for place, value in enumerate(sums):
                    k.store(value, put_by, place)

    def _begun(self, channel: Any, put_by: Any, is_first: Any) -> list[Any]:
        """The biases in the first block, afterwards what was put by."""
        k, b, shape = self.k, self.b, self.shape
        with b.if_else(is_first) as (then, otherwise):
            with then:
                biases = []
                for one in range(shape.group):
                    biases.append(k.splat(b.load(b.gep(self.bias, [b.add(channel, whole(one))]))))
                after_first = b.block
            with otherwise:
                kept = [k.load(put_by, place) for place in range(shape.group * shape.size)]
                after_other = b.block
        found = []
        for place, value in enumerate(kept):
            phi = b.phi(k.vector)
            phi.add_incoming(biases[place // shape.size], after_first)
            phi.add_incoming(value, after_other)
            found.append(phi)
        return found

    def _summed(self, sums: list[Any], source: Any, first: Any, count: Any) -> list[Any]:
        """The sums after all nonzeros of a row."""
        k, b, shape = self.k, self.b, self.shape
        deltas = b.gep(self.deltas, [first])
        values = b.gep(self.values, [b.mul(first, whole(shape.group))])
        width = len(sums)
        started = sums + [k.zero] * (width * (shape.unroll - 1))
        with k.loop(whole(0), count, whole(shape.unroll), [source, *started]) as turn:
            place, *carried = turn.carried
            for one in range(shape.unroll):
                number = b.add(turn.index, whole(one))
                place = k.moved(place, k.number(deltas, number))
                part = slice(one * width, (one + 1) * width)
                weights = b.gep(values, [b.mul(number, whole(shape.group))])
                carried[part] = self._multiplied(carried[part], place, weights)
            turn.next = [place, *carried]
        _, *found = turn.carried
        for one in range(1, shape.unroll):
            for place in range(width):
                found[place] = b.fadd(found[place], found[one * width + place])
        return found[:width]

    def _multiplied(self, sums: list[Any], source: Any, values: Any) -> list[Any]:
        """The sums after one place of the input, whose weights for each filter of the row are at `values`."""
        k, shape = self.k, self.shape
        (down, across), size = shape.stride, shape.size
        loaded = [k.load(source, y * down * shape.pitch_in + x * across) for y, x in shape.places]
        found = list(sums)
        for one in range(shape.group):
            weight = k.splat(self.b.load(self.b.gep(values, [whole(one)])))
            for place in range(size):
                found[one * size + place] = k.multiply_add(loaded[place], weight, found[one * size + place])
        return found

    def _finished(self, sums: list[Any], channel: Any, corner: list[Any]) -> None:
        """Finishes and writes the tile of each filter of the row."""
        k, b, shape = self.k, self.b, self.shape
        for one in range(shape.group):
            filter_ = b.add(channel, whole(one))
            part = sums[one * shape.size : (one + 1) * shape.size]
            done = self.finisher.apply(part, filter_, shape.places, corner[COLUMNS:])
            pooled = dict(zip(shape.places, done, strict=True))
            if shape.pool:
                pooled = _pooled(k, pooled, shape.tile)
            target = k.moved(self.output, b.add(corner[1], b.mul(filter_, whole(shape.plane_out))))
            for (y, x), value in pooled.items():
                k.store(self.finisher.mask(value, corner[2], y, x), target, y * shape.pitch_out + x)


def _pooled(k: Kernel, values: dict[tuple[int, int], Any], tile: tuple[int, int]) -> dict[tuple[int, int], Any]:
    """The largest of each 2x2 vectors."""
    found = {}
    for y in range(0, tile[0], 2):
        for x in range(0, tile[1], 2):
            above = k.largest(values[y, x], values[y, x + 1])
            below = k.largest(values[y + 1, x], values[y + 1, x + 1])
            found[y // 2, x // 2] = k.largest(above, below)
    return found

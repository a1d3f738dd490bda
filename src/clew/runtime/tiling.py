"""Which tile, block of channels and group of filters a convolution runs with: the cheapest by a model of the processor.

The model counts cycles as they were measured on one core: a multiply-add whose vector comes from the first-level cache,
from the second or third, or from a register; what a nonzero costs beside; what a row of nonzeros costs beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clew.runtime.layout import Pieces
from clew.runtime.target import Target

FROM_FIRST, FROM_SECOND, FROM_THIRD, FROM_REGISTER = 0.5, 1.5, 3.0, 0.31  # cycles of a multiply-add of one vector
NONZERO, ROW, MOVED = 1.0, 12.0, 0.6  # of a nonzero; of a row; of a vector put by or written
FIRST, SECOND = 40 * 1024, 800 * 1024  # bytes of the first- and second-level cache that a block's input may take
VECTOR = 64  # bytes
WAIT = 8  # multiply-adds that are under way at a time


@dataclass(frozen=True)
class Work:
    """A convolution: its filters, input channels, window, stride and dilation.

    `nonzeros` by number of filters to a row: 1 always, larger ones where they are possible. `blocked`: whether input
    channels can be taken in blocks; `pool`: whether tiles are pooled.
    """

    filters: int
    channels: int
    window: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    nonzeros: dict[int, int]
    blocked: bool
    pool: bool


@dataclass(frozen=True)
class Tiling:
    """`tile` rows and columns, `block` input channels, `group` filters, `unroll` nonzeros; `cycles` by the model."""

    tile: tuple[int, int]
    block: int
    group: int
    unroll: int
    cycles: float


def tiling(work: Work, pieces: Pieces, target: Target) -> Tiling:
    """The cheapest way."""
    return min(_ways(work, pieces, target), key=lambda way: way.cycles)


def _ways(work: Work, pieces: Pieces, target: Target) -> Iterator[Tiling]:
    room = target.registers - (3 if target.fma else 4)
    step = 2 if work.pool else 1
    for group, nonzeros in work.nonzeros.items():
        for down in range(step, pieces.rows + 1, step):
            for across in range(step, pieces.columns + 1, step):
                size = down * across
                if size * group + (size if group > 1 else 0) > room:
                    break
                unroll = 1 if size * group >= WAIT else min(4, room // (size * group), -(-WAIT // (size * group)))
                for block in _blocks(work, down, across, target):
                    cycles = _cycles(work, pieces, (down, across), block, group, nonzeros)
                    yield Tiling((down, across), block, group, unroll, cycles)


def _blocks(work: Work, down: int, across: int, target: Target) -> list[int]:
    """All input channels at once, or as many as the cache holds."""
    fitting = max(1, FIRST // (_footprint(work, down, across) * target.bytes))
    if not work.blocked or fitting >= work.channels:
        return [work.channels]
    count = -(-work.channels // fitting)
    return [work.channels, -(-work.channels // count)]


def _footprint(work: Work, down: int, across: int) -> int:
    """The vectors of a channel that a tile reads."""
    rows = (down - 1) * work.stride[0] + (work.window[0] - 1) * work.dilation[0] + 1
    columns = (across - 1) * work.stride[1] + (work.window[1] - 1) * work.dilation[1] + 1
    return rows * columns


def _load(size: int) -> float:
    """The cycles of a multiply-add whose vector is one of so many bytes that are used again and again."""
    if size <= FIRST * 1.2:
        return FROM_FIRST
    return FROM_SECOND if size <= SECOND else FROM_THIRD


def _cycles(work: Work, pieces: Pieces, tile: tuple[int, int], block: int, group: int, nonzeros: int) -> float:
    size = tile[0] * tile[1]
    tiles = -(-pieces.rows // tile[0]) * -(-pieces.columns // tile[1])
    blocks = -(-work.channels // block)
    load = _load(_footprint(work, *tile) * block * VECTOR) if work.blocked else FROM_FIRST
    if group == 1:
        multiplied = nonzeros * (load * (size + 1) + NONZERO)
    else:
        multiplied = nonzeros * (max(FROM_REGISTER * size * group, load * (size + group)) + 2 * NONZERO)
    rows = work.filters // group * blocks
    put_by = 2 * MOVED * size * work.filters * (blocks - 1)
    return tiles * (multiplied + ROW * rows + put_by + MOVED * size * work.filters)

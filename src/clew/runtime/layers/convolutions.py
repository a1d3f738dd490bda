"""Convolutions: tiled by the model, their nonzeros laid out; some in pairs, strip by strip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clew.runtime.assemble import Assembly, aligned
from clew.runtime.fold import Layer
from clew.runtime.kernels import convolution
from clew.runtime.layers import strips
from clew.runtime.layout import Pieces
from clew.runtime.nonzeros import Steps, stream
from clew.runtime.program import Arg, At
from clew.runtime.tiling import Tiling, Work, tiling
from clew.runtime.versions import FULL, Version, window_of

GROUPS = (1, 2, 4)
PARTS = 64  # parts that the work within one picture can have


def emit(a: Assembly, layer: Layer) -> None:
    """Calls the kernel of a convolution; with one that goes by strips, also that of the layer before it."""
    out = a.home(layer.output)
    if strips.reader(a, layer) is not None:
        return  # done with the layer that reads it
    goes = _lying(a, out, a.layout(out).origin)
    first = strips.before(a, layer)
    if first is None:
        _Prepared(a, layer, _source(a, layer), goes, _full(a, layer)).call(0)
        return
    pieces = strips.pieces(a, first)
    strip = a.program.tensor(f"{first.output}#strip", len(first.weight) * pieces.size * a.target.bytes)  # type: ignore[arg-type]
    between = Lying(strip, pieces.columns, pieces.size, whole=False)
    both = _Prepared(a, first, _source(a, first), between, pieces), _Prepared(a, layer, between, goes, pieces)
    for start in strips.starts(a.chosen[layer.output].rows, pieces.rows):
        for one in both:
            one.call(start)


@dataclass(frozen=True)
class Lying:
    """Where maps lie: the `place` of their first window or place, vectors of a row and of a channel.

    `whole`: all of them, or else a strip of them alone.
    """

    place: At
    pitch: int
    plane: int
    whole: bool = True

    def rows(self, y: NDArray[np.int64], start: int) -> NDArray[np.int64]:
        """The rows of the maps that lie here of rows `y` of a strip that begins at row `start`."""
        return y + start if self.whole else y


def _lying(a: Assembly, version: Version, vectors: int) -> Lying:
    layout = a.layout(version)
    return Lying(a.place(version, vectors), layout.pitch, layout.plane)


def _source(a: Assembly, layer: Layer) -> Lying:
    """Where the first window lies in what a layer reads."""
    source = a.source(layer)
    layout, (*_, (top, left, *_)) = a.layout(source), window_of(layer)
    return _lying(a, source, layout.origin - top * layout.pitch - left)


def _full(a: Assembly, layer: Layer) -> Pieces:
    """The pieces of what a layer makes, before it is pooled."""
    return a.chosen[layer.output + FULL if _pooled(a, layer) else layer.output]


def _pooled(a: Assembly, layer: Layer) -> bool:
    return layer.output + FULL in a.chosen


class _Prepared:
    """A convolution ready to be called for all of its `pieces`, or strip by strip for those of a strip."""

    def __init__(self, a: Assembly, layer: Layer, came: Lying, goes: Lying, pieces: Pieces) -> None:
        assert layer.weight is not None
        self.a, self.layer, self.came, self.goes, self.pieces = a, layer, came, goes, pieces
        pooled, out = _pooled(a, layer), a.home(layer.output)
        _, stride, dilation, _ = window_of(layer)
        self.way = tiling(_work(layer, pooled), pieces, a.target)
        steps = Steps(came.plane, dilation[0] * came.pitch, dilation[1])
        way, groups = self.way, layer.attributes["groups"]
        self.nonzeros = stream(layer.weight, groups, steps, way.block, way.group, way.unroll)
        finish, extra = a.finish(layer.afters, out)
        self.shape = convolution.Convolution(
            way.tile, stride, came.pitch, goes.pitch, goes.plane, way.group, way.unroll, pooled, finish
        )
        self.values, self.bias = aligned(self.nonzeros.values.astype(a.kind)), a.ready(layer.bias)
        self.scratch, self.extra = _scratch(a, layer, way, self.nonzeros.blocks), extra
        self.mask_pitch = out.pieces.columns

    def call(self, start: int) -> None:
        """Calls it for the rows from `start` on."""
        tiles, nonzeros = self._tiles(start), self.nonzeros
        args: list[Arg] = [
            self.came.place,
            self.goes.place,
            tiles,
            len(tiles),
            nonzeros.rows,
            len(nonzeros.rows) // nonzeros.blocks,
            nonzeros.blocks,
            nonzeros.deltas,
            self.values,
            self.bias,
            *self.scratch,
            int(len(tiles) > 1),
            *self.extra,
        ]
        self.a.program.call(convolution, self.shape, self.a.half, args, self.layer.output)

    def _tiles(self, start: int) -> NDArray[np.int32]:
        """Where each tile begins in the input, the output, the masks, in other tensors; the last overlap."""
        shape, pieces = self.shape, self.pieces
        y, x = (
            np.array([*range(0, side - size + 1, size), *([side - size] if side % size else [])])
            for side, size in zip((pieces.rows, pieces.columns), self.way.tile, strict=True)
        )
        y, x = (one.reshape(-1) for one in np.meshgrid(y, x, indexing="ij"))
        half_y, half_x = (y // 2, x // 2) if shape.pool else (y, x)
        columns = [
            self.came.rows(y, start) * shape.stride[0] * self.came.pitch + x * shape.stride[1],
            self.goes.rows(half_y, start) * self.goes.pitch + half_x,
            (half_y + start) * self.mask_pitch + half_x,
            *((y + start) * one.pitch + x for one in shape.finish.others),
        ]
        return np.stack(columns, 1).astype(np.int32)


def _work(layer: Layer, pooled: bool) -> Work:
    assert layer.weight is not None
    filters, channels = layer.weight.shape[:2]
    groups = layer.attributes["groups"]
    possible = [one for one in GROUPS if filters % one == 0 and filters // groups % one == 0]
    counts = {one: _together(layer.weight, one) for one in possible}
    window, stride, dilation, _ = window_of(layer)
    return Work(filters, channels, window, stride, dilation, counts, groups == 1, pooled)


def _scratch(a: Assembly, layer: Layer, way: Tiling, blocks: int) -> tuple[Arg, int]:
    """Room for sums between blocks, for each part of the work its own."""
    if blocks == 1:
        return 0, 0
    assert layer.weight is not None
    size = len(layer.weight) * way.tile[0] * way.tile[1] * a.target.bytes
    return a.program.tensor(f"{layer.output}#sums", size * PARTS), size


def _together(weight: NDArray[np.float32], group: int) -> int:
    """Places that at least one of `group` filters side by side has a nonzero at."""
    filters, *rest = weight.shape
    return int(np.count_nonzero((weight.reshape(filters // group, group, *rest) != 0).any(1)))

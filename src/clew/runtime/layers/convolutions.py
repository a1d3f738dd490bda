"""Convolutions: tiled by the model, their nonzeros laid out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clew.runtime.assemble import Assembly, aligned
from clew.runtime.fold import Layer
from clew.runtime.kernels import convolution
from clew.runtime.kernels.epilogue import Other
from clew.runtime.layout import Layout, Pieces
from clew.runtime.nonzeros import Steps, stream
from clew.runtime.program import Arg
from clew.runtime.tiling import Tiling, Work, tiling
from clew.runtime.versions import FULL, window_of

GROUPS = (1, 2, 4)
PARTS = 64  # parts that the work within one picture can have


def emit(a: Assembly, layer: Layer) -> None:
    """Calls the kernel of a convolution."""
    assert layer.weight is not None
    out = a.home(layer.output)
    pooled = layer.output + FULL in a.chosen
    full = a.chosen[layer.output + FULL if pooled else layer.output]
    source = a.source(layer)
    came, goes = a.layout(source), a.layout(out)
    _, stride, dilation, (top, left, *_) = window_of(layer)
    way = tiling(_work(layer, pooled), full, a.target)
    steps = Steps(came.plane, dilation[0] * came.pitch, dilation[1])
    nonzeros = stream(layer.weight, layer.attributes["groups"], steps, way.block, way.group, way.unroll)
    finish, extra = a.finish(layer.afters, out)
    shape = convolution.Convolution(
        way.tile, stride, came.pitch, goes.pitch, goes.plane, way.group, way.unroll, pooled, finish
    )
    tiles = _tiles(way, full, came, goes, stride, pooled, finish.others)
    scratch, size = _scratch(a, layer, way, nonzeros.blocks)
    args: list[Arg] = [
        a.place(source, came.origin - top * came.pitch - left),
        a.place(out, goes.origin),
        tiles,
        len(tiles),
        nonzeros.rows,
        len(nonzeros.rows) // nonzeros.blocks,
        nonzeros.blocks,
        nonzeros.deltas,
        aligned(nonzeros.values.astype(a.kind)),
        a.ready(layer.bias),
        scratch,
        size,
        int(len(tiles) > 1),
        *extra,
    ]
    a.program.call(convolution, shape, a.half, args, layer.output)


def _work(layer: Layer, pooled: bool) -> Work:
    assert layer.weight is not None
    filters, channels = layer.weight.shape[:2]
    groups = layer.attributes["groups"]
    possible = [one for one in GROUPS if filters % one == 0 and filters // groups % one == 0]
    counts = {one: _together(layer.weight, one) for one in possible}
    window, stride, dilation, _ = window_of(layer)
    return Work(filters, channels, window, stride, dilation, counts, groups == 1, pooled)


def _tiles(
    way: Tiling,
    full: Pieces,
    came: Layout,
    goes: Layout,
    stride: tuple[int, int],
    pooled: bool,
    others: tuple[Other, ...],
) -> NDArray[np.int32]:
    """Where each tile begins in the input, the output, the masks, in other tensors; the last overlap."""
    y, x = (
        np.array([*range(0, side - size + 1, size), *([side - size] if side % size else [])])
        for side, size in zip((full.rows, full.columns), way.tile, strict=True)
    )
    y, x = (one.reshape(-1) for one in np.meshgrid(y, x, indexing="ij"))
    half_y, half_x = (y // 2, x // 2) if pooled else (y, x)
    columns = [
        y * stride[0] * came.pitch + x * stride[1],
        half_y * goes.pitch + half_x,
        half_y * goes.pieces.columns + half_x,
        *(y * one.pitch + x for one in others),
    ]
    return np.stack(columns, 1).astype(np.int32)


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

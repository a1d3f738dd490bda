"""Poolings: the largest of a window, or its mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.runtime.assemble import Assembly, aligned
from clew.runtime.fold import Layer
from clew.runtime.kernels import pooling
from clew.runtime.layout import Layout
from clew.runtime.program import Arg
from clew.runtime.versions import window_of


def emit(a: Assembly, layer: Layer) -> None:
    """Calls the kernel of a pooling."""
    out, largest = a.home(layer.output), layer.kind == "max_pool"
    window, stride, _, (top, left, *_) = window_of(layer)
    source = a.source(layer)
    came, goes = a.layout(source), a.layout(out)
    finish, extra = a.finish(layer.afters, out)
    rows, columns = out.pieces.rows, out.pieces.columns
    shape = pooling.Pooling(
        rows, columns, window, stride, came.pitch, came.plane, goes.pitch, goes.plane, largest, finish
    )
    factors = np.zeros(1, a.kind) if largest else _factors(a, layer, goes)
    corner = a.place(source, came.origin - top * came.pitch - left)
    args: list[Arg] = [corner, a.place(out, goes.origin), out.shape[0], factors, *extra]
    a.program.call(pooling, shape, a.half, args, layer.output)


def _factors(a: Assembly, layer: Layer, layout: Layout) -> NDArray[Any]:
    """One by the number of places in each window."""
    (height, width), stride, _, padding = window_of(layer)
    if layer.attributes["count_padding"]:
        size = _with_padding(a, layer)
        counts = [
            _inside(side, length, step, 0, total)
            for side, length, step, total in zip(
                (layout.height, layout.width), (height, width), stride, size, strict=True
            )
        ]
    else:
        before = a.shapes[layer.inputs[0]][1:]
        counts = [
            _inside(side, length, step, pad, total)
            for side, length, step, pad, total in zip(
                (layout.height, layout.width), (height, width), stride, padding[:2], before, strict=True
            )
        ]
    factors = 1.0 / (counts[0][:, None] * counts[1])
    y, x, inside = layout.places()
    return aligned(np.where(inside, factors[np.where(inside, y, 0), np.where(inside, x, 0)], 0).astype(a.kind))


def _with_padding(a: Assembly, layer: Layer) -> tuple[int, int]:
    _, height, width = a.shapes[layer.inputs[0]]
    top, left, bottom, right = layer.attributes["padding"]
    return height + top + bottom, width + left + right


def _inside(count: int, length: int, step: int, padding: int, total: int) -> NDArray[np.float64]:
    """How many places of each window are among `total`."""
    start = np.arange(count) * step - padding
    return np.asarray(np.minimum(start + length, total) - np.maximum(start, 0), np.float64)

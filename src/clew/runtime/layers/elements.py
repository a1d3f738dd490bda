"""What is done value by value, and concatenation; to vectors by rows of one nonzero."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.runtime.assemble import Assembly, Unsupported
from clew.runtime.fold import After, Layer
from clew.runtime.graph import IMAGE
from clew.runtime.kernels import copy, gather, linear, picture
from clew.runtime.layers.linears import call
from clew.runtime.moving import copied, gathered
from clew.runtime.program import Arg, At, Picture
from clew.runtime.versions import Need, Version


def emit(a: Assembly, layer: Layer) -> None:
    """Calls what does it to maps, to the picture, or to a vector."""
    if not a.is_maps(layer.output):
        _vector(a, layer)
        return
    out, (name,) = a.home(layer.output), layer.inputs
    if name == IMAGE:
        _picture(a, layer, out)
        return
    source = a.version(name, Need(a.chosen[layer.output]))
    copied(a, source, out, layer.afters, layer.output)


def _picture(a: Assembly, layer: Layer, out: Version) -> None:
    """The picture itself: by runs where it fills its pieces, else number by number."""
    _, height, width = a.shapes[IMAGE]
    layout, pieces = a.layout(out), out.pieces
    if not layout.full or pieces.columns % picture.run_of(a.lanes):
        numbers = np.arange(height * width).reshape(height, width)
        shape = gather.Gather(outside=True)
        gathered(a, Picture(), numbers, height * width, out, shape, layer.output, layer.afters)
        return
    finish, extra = a.finish(layer.afters, out)
    runs = picture.Picture(height, width, pieces.grid, pieces.rows, pieces.columns, layout.pitch, layout.plane, finish)
    args: list[Arg] = [Picture(), a.place(out, layout.origin), out.shape[0], *extra]
    a.program.call(picture, runs, a.half, args, layer.output)


def _vector(a: Assembly, layer: Layer) -> None:
    """Of a vector each number is taken by a row of one nonzero, and of another vector one more."""
    (count,) = a.shapes[layer.output]
    after = layer.afters[0]
    places = np.arange(count)[:, None]
    values, bias = np.ones((count, 1), np.float32), np.zeros(count, np.float32)
    source, acts = a.vector(layer.inputs[0]), layer.afters
    if after.kind == "scale":
        values, bias = np.asarray(after.scale).reshape(count, 1), np.asarray(after.shift)
        acts = layer.afters[1:]
    if any(one.kind in ("scale", "add", "mul") for one in acts):
        raise Unsupported(f"sums and factors of vectors ({layer.output}) have no kernel")
    _rows(a, layer.output, source, places, values, bias, acts)


def _rows(
    a: Assembly,
    name: str,
    source: At,
    places: NDArray[Any],
    values: NDArray[Any],
    bias: NDArray[Any],
    acts: tuple[After, ...],
) -> None:
    """A sparse linear layer whose rows (O, n) have their places and values."""
    filled = -(-places.shape[1] // linear.SUMS) * linear.SUMS - places.shape[1]
    places, values = (np.pad(one, ((0, 0), (0, filled))) for one in (places, values))
    firsts = np.arange(len(places) + 1) * places.shape[1]
    call(a, name, source, firsts, places.reshape(-1), values.reshape(-1), bias, acts, True)


def concat(a: Assembly, layer: Layer) -> None:
    """Calls what lays values one after the other, where they are not already."""
    before = 0
    for name in layer.inputs:
        count = a.shapes[name][0]
        if not a.is_maps(layer.output):
            _copy(a, a.vector(name), a.vector(layer.output), count, layer.output, before)
        elif name not in a.slices:
            source = a.version(name, Need(a.chosen[layer.output]))
            copied(a, source, a.home(layer.output), (), layer.output, before)
        before += count


def constant(a: Assembly, layer: Layer) -> None:
    """Calls what writes constant numbers."""
    values = np.array(layer.attributes["values"], np.float32)
    _copy(a, values, a.vector(layer.output), len(values), layer.output)


def flatten(a: Assembly, layer: Layer) -> None:
    """Calls what lays maps out row by row, as a vector of fp32."""
    (name,) = layer.inputs
    if not a.is_maps(name):
        _copy(a, a.vector(name), a.vector(layer.output), a.shapes[name][0], layer.output)
        return
    source = a.home(name)
    layout = a.layout(source)
    numbers = np.arange(source.shape[0])[:, None] * layout.plane * a.lanes + layout.numbers().reshape(-1)
    flat = np.zeros(-(-numbers.size // a.floats) * a.floats, np.int32)
    flat[: numbers.size] = numbers.reshape(-1)
    spots = np.arange(len(flat) // a.floats, dtype=np.int32)
    args: list[Arg] = [a.place(source), a.vector(layer.output), 1, 0, 0, flat, spots, len(spots)]
    a.program.call(gather, gather.Gather(widened=a.half), False, args, layer.output)


def _copy(a: Assembly, source: Arg, target: At, count: int, label: str, before: int = 0) -> None:
    """Numbers of fp32, one after the other, so many numbers into the target."""
    shape = copy.Copy(outside=isinstance(source, np.ndarray))
    args: list[Arg] = [source, target, count, before]
    a.program.call(copy, shape, False, args, label)

"""Linear layers, dense or by their nonzeros, and the means that often come before them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.runtime.assemble import Assembly
from clew.runtime.fold import After, Layer
from clew.runtime.kernels import linear
from clew.runtime.kernels import mean as means
from clew.runtime.kernels.epilogue import Act, Finish
from clew.runtime.layout import NONE
from clew.runtime.program import Arg, At
from clew.runtime.versions import ZERO, Need

SPARSE = 0.25  # share of nonzeros below which a layer runs by them


def emit(a: Assembly, layer: Layer) -> None:
    """Calls the kernel of a linear layer."""
    assert layer.weight is not None
    assert layer.bias is not None
    outputs, inputs = layer.weight.shape
    source = a.vector(layer.inputs[0])
    if np.count_nonzero(layer.weight) < SPARSE * layer.weight.size:
        firsts, places, values = _compressed(layer.weight)
        call(a, layer.output, source, firsts, places, values, layer.bias, layer.afters, True)
        return
    width = -(-inputs // (linear.SUMS * a.floats)) * linear.SUMS * a.floats
    rows = np.zeros((outputs, width), np.float32)
    rows[:, :inputs] = layer.weight
    a.program.sizes[source.tensor] = max(a.program.sizes[source.tensor], width * 4)
    firsts = np.arange(outputs + 1) * width
    places = np.zeros(1, np.int32)
    call(a, layer.output, source, firsts, places, rows.reshape(-1), layer.bias, layer.afters, False)


def call(
    a: Assembly,
    name: str,
    source: At,
    firsts: NDArray[Any],
    places: NDArray[Any],
    values: NDArray[Any],
    bias: NDArray[Any],
    acts: tuple[After, ...],
    sparse: bool,
) -> None:
    """Calls a linear layer's kernel; of output n the values from `firsts[n]` to before `firsts[n + 1]`."""
    blocks = -(-(len(firsts) - 1) // a.floats)
    missing = blocks * a.floats - (len(firsts) - 1)
    firsts = np.concatenate([firsts, np.repeat(firsts[-1:], missing)]).astype(np.int32)
    bias = np.concatenate([bias, np.zeros(missing)]).astype(np.float32)
    finish = Finish(tuple(Act(one.kind, one.numbers) for one in acts))
    args: list[Arg] = [source, a.vector(name), blocks, firsts, places.astype(np.int32)]
    args += [values.astype(np.float32), bias]
    a.program.call(linear, linear.Linear(sparse, finish), False, args, name)


def mean(a: Assembly, layer: Layer) -> None:
    """Calls the kernel of means."""
    (name,) = layer.inputs
    source = a.version(name, Need(a.chosen[name], NONE, ZERO))
    layout = a.layout(source)
    shape = means.Mean(
        layout.pieces.rows, layout.pieces.columns, layout.pitch, layout.plane, layout.height * layout.width
    )
    args: list[Arg] = [a.place(source, layout.origin), a.vector(layer.output), source.shape[0]]
    a.program.call(means, shape, a.half, args, layer.output)


def _compressed(weight: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rows by their nonzeros: the first of each row, places, values; each row a multiple of what a turn takes."""
    row, place = np.nonzero(weight)
    counts = np.bincount(row, minlength=len(weight))
    filled = -(-counts // linear.SUMS) * linear.SUMS
    firsts = np.concatenate([[0], np.cumsum(filled)])
    at = firsts[row] + np.arange(len(row)) - np.concatenate([[0], np.cumsum(counts)])[row]
    places, values = np.zeros(firsts[-1] + 1, np.int32), np.zeros(firsts[-1] + 1, np.float32)
    places[at], values[at] = place, weight[row, place]
    return firsts, places, values

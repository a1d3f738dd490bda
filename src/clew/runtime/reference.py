"""Runs an inference graph in plain numpy, slowly and exactly: what engines and files are checked against."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.runtime.graph import IMAGE, Graph, Node

Array = NDArray[np.float64]
Tensors = Mapping[str, NDArray[Any]]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def run_reference(graph: Graph, tensors: Tensors, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The output (B, K) for images (B, 3, H, W) in [0, 1]; `tensors` holds what the graph names.

    Raises ValueError when the images have not the graph's size.
    """
    if images.shape[1:] != graph.input:
        raise ValueError(f"expected images (B, {', '.join(map(str, graph.input))}), found {images.shape}")
    values: dict[str, Array] = {IMAGE: images.astype(np.float64)}
    for node in graph.nodes:
        held = {key: tensors[node[key]].astype(np.float64) for key in TENSOR_KEYS if node.attributes.get(key)}
        values[node.output] = RUN[node.op](node, [values[name] for name in node.inputs], held, len(images))
    return values[graph.output].astype(np.float32)


def _affine(node: Node, inputs: Sequence[Array], held: Tensors, batch: int) -> Array:
    return inputs[0] * _by_channel(node["scale"], inputs[0]) + _by_channel(node["shift"], inputs[0])


def _conv2d(node: Node, inputs: Sequence[Array], held: Tensors, batch: int) -> Array:
    weight, groups = held["weight"], node["groups"]
    outputs, depth, *kernel = weight.shape
    weight = weight.reshape(groups, outputs // groups, depth, *kernel)
    total: Any = 0.0
    for y, x, window in _windows(inputs[0], kernel, node["stride"], node["padding"], node["dilation"], 0.0):
        size = window.shape[2:]
        total = total + weight[..., y, x] @ window.reshape(batch, groups, depth, -1)
    maps: Array = total.reshape(batch, outputs, *size)
    return maps + _by_channel(held["bias"], maps) if "bias" in held else maps


def _linear(node: Node, inputs: Sequence[Array], held: Tensors, batch: int) -> Array:
    product: Array = inputs[0] @ held["weight"].T
    return product + held["bias"] if "bias" in held else product


def _batch_norm(node: Node, inputs: Sequence[Array], held: Tensors, batch: int) -> Array:
    scale = held.get("weight", np.float64(1)) / np.sqrt(held["var"] + node["eps"])
    shift = held.get("bias", np.float64(0)) - held["mean"] * scale
    return inputs[0] * _by_channel(scale, inputs[0]) + _by_channel(shift, inputs[0])


def _max_pool2d(node: Node, inputs: Sequence[Array], held: Tensors, batch: int) -> Array:
    windows = _windows(inputs[0], node["kernel"], node["stride"], node["padding"], (1, 1), -np.inf)
    return np.maximum.reduce([window for _, _, window in windows])


def _avg_pool2d(node: Node, inputs: Sequence[Array], held: Tensors, batch: int) -> Array:
    how = (node["kernel"], node["stride"], node["padding"], (1, 1))
    counted = float(node["count_padding"])
    total = sum(window for _, _, window in _windows(inputs[0], *how, 0.0))
    count = sum(window for _, _, window in _windows(np.ones_like(inputs[0]), *how, counted))
    return np.asarray(total / count)


def _windows(
    maps: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    fill: float,
) -> Iterator[tuple[int, int, Array]]:
    """For each place (y, x) in a window what stands there in every window: (B, C, how often down, how often across)."""
    top, left, bottom, right = padding
    maps = np.pad(maps, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill)
    down, across = ((maps.shape[2 + at] - dilation[at] * (kernel[at] - 1) - 1) // stride[at] + 1 for at in (0, 1))
    for y in range(kernel[0]):
        for x in range(kernel[1]):
            rows = slice(y * dilation[0], y * dilation[0] + (down - 1) * stride[0] + 1, stride[0])
            columns = slice(x * dilation[1], x * dilation[1] + (across - 1) * stride[1] + 1, stride[1])
            yield y, x, maps[:, :, rows, columns]


def _mul(node: Node, inputs: Sequence[Array], held: Tensors, batch: int) -> Array:
    first, second = inputs
    return first * (second if second.ndim == first.ndim else second[:, :, None, None])


def _constant(node: Node, inputs: Sequence[Array], held: Tensors, batch: int) -> Array:
    return np.tile(np.asarray(node["values"], np.float64), (batch, 1))


def _by_channel(numbers: Any, values: Array) -> Array:
    """Numbers, one or one for each channel, as they stand along the channels of (B, C, ...)."""
    return np.asarray(numbers, np.float64).reshape(-1, *[1] * (values.ndim - 2))


def _each(function: Callable[[Array, Node], Array]) -> Callable[..., Array]:
    return lambda node, inputs, held, batch: function(inputs[0], node)


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


TENSOR_KEYS = ("weight", "bias", "mean", "var")
RUN: dict[str, Callable[[Node, Sequence[Array], Tensors, int], Array]] = {
    "affine": _affine,
    "conv2d": _conv2d,
    "linear": _linear,
    "batch_norm": _batch_norm,
    "relu": _each(lambda x, node: np.maximum(x, 0)),
    "leaky_relu": _each(lambda x, node: np.where(x > 0, x, node["slope"] * x)),
    "clip": _each(lambda x, node: np.clip(x, node["low"], node["high"])),
    "sigmoid": _each(lambda x, node: _sigmoid(x)),
    "silu": _each(lambda x, node: x * _sigmoid(x)),
    "gelu": _each(lambda x, node: x * 0.5 * (1 + _erf(x / math.sqrt(2)))),
    "hardswish": _each(lambda x, node: x * np.clip(x + 3, 0, 6) / 6),
    "hardsigmoid": _each(lambda x, node: np.clip(x + 3, 0, 6) / 6),
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "global_mean": _each(lambda x, node: x.mean((2, 3))),
    "flatten": _each(lambda x, node: x.reshape(len(x), -1)),
    "add": lambda node, inputs, held, batch: inputs[0] + inputs[1],
    "mul": _mul,
    "concat": lambda node, inputs, held, batch: np.concatenate(inputs, 1),
    "constant": _constant,
}

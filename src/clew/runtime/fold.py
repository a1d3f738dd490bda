"""A graph made ready to run: BatchNorm folded into weights, and what follows a layer done as it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.runtime.graph import ACTIVATIONS, IMAGE, Graph, Node, Shape, shapes_of

Tensors = Mapping[str, NDArray[Any]]
Array = NDArray[np.float32]


@dataclass(frozen=True)
class After:
    """One thing done to values: an activation, `scale` (x * scale + shift), `add` or `mul` of an `other`, `pool`."""

    kind: str
    numbers: tuple[float, ...] = ()
    scale: Array | None = field(default=None, repr=False)
    shift: Array | None = field(default=None, repr=False)
    other: str = ""


@dataclass(frozen=True)
class Layer:
    """One step of the program: `kind` conv, linear, elementwise, max_pool, avg_pool, mean, flatten, concat, constant.

    `weight` and `bias` of conv and linear, fp32, BatchNorm folded in; `attributes` those of its node; `afters` in turn.
    """

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    weight: Array | None = field(default=None, repr=False)
    bias: Array | None = field(default=None, repr=False)
    afters: tuple[After, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Every value that must be there before it."""
        return (*self.inputs, *(after.other for after in self.afters if after.other))


KINDS = {
    "conv2d": "conv",
    "linear": "linear",
    "max_pool2d": "max_pool",
    "avg_pool2d": "avg_pool",
    "global_mean": "mean",
    "flatten": "flatten",
    "concat": "concat",
    "constant": "constant",
}
NUMBERS = {"leaky_relu": ("slope",), "clip": ("low", "high")}
FINISHED = ("conv", "elementwise")  # layers after which sums and factors can be done
MAPS = 3


@dataclass(frozen=True)
class Folded:
    """The layers in an order in which they can be run; the shape of every value."""

    layers: tuple[Layer, ...]
    shapes: Mapping[str, Shape]
    input: tuple[int, int, int]
    output: str


def fold(graph: Graph, tensors: Tensors) -> Folded:
    """The layers of a graph; raises ValueError when its tensors do not fit."""
    shapes = shapes_of(graph, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    layers = [_layer(node, tensors, shapes) for node in _without_twins(_needed(graph), graph.output)]
    merged = _merged(layers, graph.output, shapes)
    return Folded(tuple(_in_order(merged)), shapes, graph.input, graph.output)


def _needed(graph: Graph) -> list[Node]:
    """The nodes that the output depends on."""
    wanted, found = {graph.output}, []
    for node in reversed(graph.nodes):
        if node.output in wanted:
            wanted.update(node.inputs)
            found.append(node)
    return found[::-1]


def _without_twins(nodes: Sequence[Node], output: str) -> list[Node]:
    """Nodes that do the same to the same are one: each block of a network may normalise the picture for itself."""
    names: dict[str, str] = {}
    seen: dict[str, str] = {}
    found = []
    for node in nodes:
        node = replace(node, inputs=tuple(names.get(name, name) for name in node.inputs))
        key = repr((node.op, node.inputs, sorted(node.attributes.items())))
        if key in seen and node.output != output:
            names[node.output] = seen[key]
            continue
        seen.setdefault(key, node.output)
        found.append(node)
    return found


def _layer(node: Node, tensors: Tensors, shapes: Mapping[str, Shape]) -> Layer:
    """A node alone."""
    if node.op in KINDS:
        weight, bias = (_tensor(node, key, tensors) for key in ("weight", "bias"))
        if weight is not None and bias is None:
            bias = np.zeros(len(weight), np.float32)
        kind = KINDS[node.op]
        return Layer(kind, node.inputs, node.output, node.attributes, weight, bias)
    if node.op in ("add", "mul"):
        return Layer("elementwise", node.inputs[:1], node.output, afters=(After(node.op, other=node.inputs[1]),))
    return Layer("elementwise", node.inputs, node.output, afters=(_after(node, tensors, shapes),))


def _after(node: Node, tensors: Tensors, shapes: Mapping[str, Shape]) -> After:
    if node.op in ACTIVATIONS:
        return After(node.op, tuple(float(node[key]) for key in NUMBERS.get(node.op, ())))
    channels = shapes[node.output][0]
    if node.op == "affine":
        scale, shift = (np.broadcast_to(np.array(node[key], np.float64), channels) for key in ("scale", "shift"))
    else:
        scale, shift = _normalising(node, tensors, channels)
    return After("scale", scale=scale.astype(np.float32), shift=shift.astype(np.float32))


def _normalising(node: Node, tensors: Tensors, channels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """BatchNorm as x * scale + shift."""
    mean, var = (np.asarray(tensors[node[key]], np.float64) for key in ("mean", "var"))
    weight, bias = (_tensor(node, key, tensors) for key in ("weight", "bias"))
    scale = (1.0 if weight is None else weight.astype(np.float64)) / np.sqrt(var + node["eps"])
    return scale, (0.0 if bias is None else bias) - mean * scale


def _tensor(node: Node, key: str, tensors: Tensors) -> Array | None:
    name = node.attributes.get(key)
    return None if name is None else np.asarray(tensors[name], np.float32)


def _merged(layers: list[Layer], output: str, shapes: Mapping[str, Shape]) -> list[Layer]:
    """Each layer with all that can be done as it is written."""
    uses = Counter(name for layer in layers for name in layer.needs)
    uses[output] += 1
    readers = {name: layer for layer in layers for name in layer.needs}
    gone: set[str] = set()
    found = []
    for layer in layers:
        if layer.output in gone:
            continue
        while uses[layer.output] == 1 and layer.output in readers:
            reader = readers[layer.output]
            taken = None if reader.output in gone else _taken(layer, reader, shapes)
            if taken is None:
                break
            gone.add(taken.output)
            layer = taken
        found.append(layer)
    return found


def _taken(layer: Layer, reader: Layer, shapes: Mapping[str, Shape]) -> Layer | None:
    """`layer` that does what `reader` does too, None where it cannot."""
    maps = len(shapes[layer.output]) == MAPS
    if layer.afters and layer.afters[-1].kind == "pool":
        return None
    if layer.kind == "conv" and reader.kind == "max_pool" and _halves(reader, shapes[layer.output]):
        return replace(layer, output=reader.output, afters=(*layer.afters, After("pool")))
    if reader.kind != "elementwise" or layer.kind not in (*FINISHED, "linear"):
        return None
    (after,) = reader.afters
    if after.other:
        first = reader.inputs[0] == layer.output
        if not maps or (not first and len(shapes[after.other]) != len(shapes[reader.inputs[0]])):
            return None  # of the factors' side a product cannot be done
        other = after.other if first else reader.inputs[0]
        return replace(layer, output=reader.output, afters=(*layer.afters, replace(after, other=other)))
    if after.kind == "scale" and layer.weight is not None and not layer.afters:
        return _scaled(layer, reader.output, after)
    if after.kind == "scale" and layer.kind == "linear":
        return None
    return replace(layer, output=reader.output, afters=(*layer.afters, after))


def _scaled(layer: Layer, output: str, after: After) -> Layer:
    """A layer whose weights carry the factors."""
    assert layer.weight is not None
    assert layer.bias is not None
    assert after.scale is not None
    assert after.shift is not None
    scale = after.scale.astype(np.float64)
    weight = layer.weight * scale.reshape(-1, *[1] * (layer.weight.ndim - 1))
    bias = layer.bias * scale + after.shift
    return replace(layer, output=output, weight=weight.astype(np.float32), bias=bias.astype(np.float32))


def _halves(pool: Layer, shape: Shape) -> bool:
    """Whether it is 2x2 max-pooling of maps of even size."""
    plain = pool.attributes["kernel"] == pool.attributes["stride"] == [2, 2] and not any(pool.attributes["padding"])
    return plain and shape[1] % 2 == 0 and shape[2] % 2 == 0


def unpooled(folded: Folded, names: Sequence[str]) -> Folded:
    """The same with the 2x2 pooling that ends these layers as layers of their own."""
    layers: list[Layer] = []
    shapes = dict(folded.shapes)
    for layer in folded.layers:
        if layer.output not in names:
            layers.append(layer)
            continue
        before = f"{layer.output}#unpooled"
        channels, height, width = shapes[layer.output]
        shapes[before] = (channels, 2 * height, 2 * width)
        pool = {"kernel": [2, 2], "stride": [2, 2], "padding": [0, 0, 0, 0]}
        layers.append(replace(layer, output=before, afters=layer.afters[:-1]))
        layers.append(Layer("max_pool", (before,), layer.output, pool))
    return Folded(tuple(layers), shapes, folded.input, folded.output)


def _in_order(layers: list[Layer]) -> list[Layer]:
    """Each layer after those that it needs."""
    known = {IMAGE}
    found: list[Layer] = []
    waiting = list(layers)
    while waiting:
        ready = next(layer for layer in waiting if known.issuperset(layer.needs))
        waiting.remove(ready)
        known.add(ready.output)
        found.append(ready)
    return found

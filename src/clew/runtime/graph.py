"""The inference graph of a network: what is done to one picture, and the tensors that it takes; needs no torch.

A graph is JSON, so that a ticket runs without the Python class of its network:

    {"input": [3, H, W], "output": NAME, "nodes": [{"op": OP, "inputs": [NAME, ...], "output": NAME, ...}, ...]}

Nodes stand in an order in which they can be run; each value is named once;
the picture, RGB in [0, 1], is called "image".
Values are of one picture, maps (C, H, W) or vectors (D,). TENSOR is the name of a tensor of the ticket.

    affine       scale, shift: numbers, one for each channel or one for all: x * scale + shift
    conv2d       weight: TENSOR (O, C / groups, kh, kw), bias: TENSOR or null, stride, dilation [y, x], groups,
                 padding [top, left, bottom, right] with zeros
    linear       weight: TENSOR (O, D), bias: TENSOR or null
    batch_norm   mean, var: TENSOR, weight, bias: TENSOR or null, eps; of maps or vectors
    relu, leaky_relu (slope), clip (low, high), sigmoid, silu, gelu, hardswish, hardsigmoid
    max_pool2d   kernel, stride [y, x], padding [top, left, bottom, right]: what is there is never the maximum
    avg_pool2d   kernel, stride, padding; count_padding: whether what is there counts, as zero
    global_mean  maps -> vector of their C means
    flatten      maps -> vector, row by row, channel after channel
    add, mul     two values of one shape; of mul the second may be a vector of one factor for each channel
    concat       along the channels, or of vectors
    constant     values: numbers, a vector
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

IMAGE = "image"
Shape = tuple[int, ...]
Pads = tuple[int, int, int, int]
MOST_NODES, MOST_VALUES = 20_000, 2**28
LARGEST = 3.4028234663852886e38  # of float32
ACTIVATIONS = ("relu", "leaky_relu", "clip", "sigmoid", "silu", "gelu", "hardswish", "hardsigmoid")


@dataclass(frozen=True)
class Node:
    """One operation: `inputs` and `output` are names of values, `attributes` what the operation needs beside."""

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        return self.attributes[key]

    @property
    def tensors(self) -> tuple[str, ...]:
        """The names of the tensors that it takes."""
        return tuple(name for key in TENSORS.get(self.op, ()) if (name := self.attributes[key]) is not None)


@dataclass(frozen=True)
class Graph:
    """All operations from the picture of shape `input` to the value `output`."""

    input: tuple[int, int, int]
    nodes: tuple[Node, ...]
    output: str

    def as_dict(self) -> dict[str, Any]:
        """The graph as it stands in JSON."""
        nodes = [{"op": n.op, "inputs": list(n.inputs), "output": n.output, **n.attributes} for n in self.nodes]
        return {"input": list(self.input), "output": self.output, "nodes": nodes}


def parse_graph(found: Any) -> Graph:
    """The graph in a JSON value; raises ValueError, saying where, for what no graph can have."""
    _expect(isinstance(found, dict) and {"input", "output", "nodes"} <= set(found), "an object of input, output, nodes")
    size = found["input"]
    _expect(_whole(size, 3, 1) and size[0] == 3 and math.prod(size) <= MOST_VALUES, "an input of 3 channels")
    _expect(isinstance(found["nodes"], list) and len(found["nodes"]) <= MOST_NODES, f"at most {MOST_NODES} nodes")
    known = {IMAGE}
    nodes = []
    for place, one in enumerate(found["nodes"]):
        try:
            node = _node(one, known)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"its graph's node {place} is not as expected: {error}") from None
        known.add(node.output)
        nodes.append(node)
    _expect(isinstance(found["output"], str) and found["output"] in known, "an output that a node makes")
    return Graph((size[0], size[1], size[2]), tuple(nodes), found["output"])


def _node(found: Any, known: set[str]) -> Node:
    _expect(isinstance(found, dict) and isinstance(found.get("op"), str), "an object with an op")
    op, inputs, output = found["op"], found.get("inputs"), found.get("output")
    if op not in OPS:
        raise ValueError(f"unknown operation {op!r:.60}; known are {', '.join(sorted(OPS))}")
    _expect(
        isinstance(inputs, list) and all(isinstance(name, str) and name in known for name in inputs), "known inputs"
    )
    _expect(isinstance(output, str) and 0 < len(output) <= 200 and output not in known, "a new name as output")
    attributes = {key: value for key, value in found.items() if key not in ("op", "inputs", "output")}
    checks = ATTRIBUTES[op]
    _expect(set(attributes) == set(checks), f"the attributes {', '.join(checks) or 'none'}")
    for key, check in checks.items():
        _expect(check(attributes[key]), f"another {key} than {attributes[key]!r:.60}")
    return Node(op, tuple(inputs), output, attributes)


def shapes_of(graph: Graph, tensors: Mapping[str, Shape]) -> dict[str, Shape]:
    """The shape of every value; raises ValueError for a node that does not fit its inputs or tensors."""
    found: dict[str, Shape] = {IMAGE: graph.input}
    for node in graph.nodes:
        try:
            for name in node.tensors:
                _expect(name in tensors, f"a tensor {name!r:.80}")
            shape = OPS[node.op](node, [found[name] for name in node.inputs], tensors)
            _expect(all(side > 0 for side in shape) and math.prod(shape) <= MOST_VALUES, "a possible size")
        except (ValueError, TypeError) as error:
            raise ValueError(f"its graph's node {node.output!r:.80} ({node.op}) does not fit: {error}") from None
        found[node.output] = shape
    return found


def _conv2d(node: Node, inputs: Sequence[Shape], tensors: Mapping[str, Shape]) -> Shape:
    (channels, *size), weight = _maps(inputs), tensors[node["weight"]]
    groups = node["groups"]
    _expect(len(weight) == 4 and min(weight) > 0, "weights (O, C / groups, kh, kw)")
    _expect(weight[1] * groups == channels and weight[0] % groups == 0, f"{channels} channels")
    _one_each(node, tensors, weight[0], "bias")
    return (weight[0], *_slid(size, weight[2:], node["stride"], node["padding"], node["dilation"]))


def _linear(node: Node, inputs: Sequence[Shape], tensors: Mapping[str, Shape]) -> Shape:
    weight = tensors[node["weight"]]
    _expect(len(inputs) == 1 and len(weight) == 2 and inputs[0] == weight[1:], f"a vector of {weight[1:]}")
    _one_each(node, tensors, weight[0], "bias")
    return (weight[0],)


def _batch_norm(node: Node, inputs: Sequence[Shape], tensors: Mapping[str, Shape]) -> Shape:
    shape = _alone(node, inputs, tensors)
    _one_each(node, tensors, shape[0], "mean", "var", "weight", "bias")
    return shape


def _affine(node: Node, inputs: Sequence[Shape], tensors: Mapping[str, Shape]) -> Shape:
    shape = _alone(node, inputs, tensors)
    _expect(all(len(node[key]) in (1, shape[0]) for key in ("scale", "shift")), f"{shape[0]} numbers, or one")
    return shape


def _pool(node: Node, inputs: Sequence[Shape], tensors: Mapping[str, Shape]) -> Shape:
    channels, *size = _maps(inputs)
    kernel, padding = node["kernel"], node["padding"]
    inside = all(side < kernel[at % 2] for at, side in enumerate(padding))
    _expect(inside, "windows that lie on the picture in part")
    return (channels, *_slid(size, kernel, node["stride"], padding, (1, 1)))


def _alone(node: Node, inputs: Sequence[Shape], tensors: Mapping[str, Shape]) -> Shape:
    _expect(len(inputs) == 1 and len(inputs[0]) in (1, 3), "one value, maps or a vector")
    return inputs[0]


def _global_mean(node: Node, inputs: Sequence[Shape], tensors: Mapping[str, Shape]) -> Shape:
    return _maps(inputs)[:1]


def _flatten(node: Node, inputs: Sequence[Shape], tensors: Mapping[str, Shape]) -> Shape:
    return (math.prod(_alone(node, inputs, tensors)),)


def _add(node: Node, inputs: Sequence[Shape], tensors: Mapping[str, Shape]) -> Shape:
    _expect(len(inputs) == 2 and inputs[0] == inputs[1], "two values of one shape")
    return inputs[0]


def _mul(node: Node, inputs: Sequence[Shape], tensors: Mapping[str, Shape]) -> Shape:
    _expect(len(inputs) == 2 and inputs[1] in (inputs[0], inputs[0][:1]), "two values of one shape, or factors")
    return inputs[0]


def _concat(node: Node, inputs: Sequence[Shape], tensors: Mapping[str, Shape]) -> Shape:
    _expect(len(inputs) > 0 and len({shape[1:] for shape in inputs}) == 1, "values of one size")
    return (sum(shape[0] for shape in inputs), *inputs[0][1:])


def _constant(node: Node, inputs: Sequence[Shape], tensors: Mapping[str, Shape]) -> Shape:
    _expect(not inputs, "no inputs")
    return (len(node["values"]),)


def _maps(inputs: Sequence[Shape]) -> Shape:
    _expect(len(inputs) == 1 and len(inputs[0]) == 3, "maps (C, H, W) alone")
    return inputs[0]


def _one_each(node: Node, tensors: Mapping[str, Shape], channels: int, *keys: str) -> None:
    for key in keys:
        name = node[key]
        _expect(name is None or tensors[name] == (channels,), f"{channels} values of {key}")


def _slid(
    size: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> tuple[int, int]:
    """How often a window finds place, down and across."""
    y, x = (
        (size[at] + padding[at] + padding[at + 2] - dilation[at] * (kernel[at] - 1) - 1) // stride[at] + 1
        for at in (0, 1)
    )
    _expect(y > 0 and x > 0, "windows no larger than the maps")
    return y, x


def _whole(found: Any, count: int, least: int) -> bool:
    """Whether it is a list of `count` whole numbers, each from `least` to what a picture can have."""
    small = isinstance(found, list) and len(found) == count
    return small and all(isinstance(n, int) and not isinstance(n, bool) and least <= n <= 2**16 for n in found)


def _number(found: Any) -> bool:
    """Whether it is a number that float32 can hold; comparing takes whole numbers of any length, and no NaN."""
    return isinstance(found, int | float) and not isinstance(found, bool) and -LARGEST <= found <= LARGEST


def _numbers(found: Any) -> bool:
    return isinstance(found, list) and len(found) > 0 and all(map(_number, found))


def _tensor(found: Any) -> bool:
    return isinstance(found, str)


def _maybe_tensor(found: Any) -> bool:
    return found is None or isinstance(found, str)


def _pair(found: Any) -> bool:
    return _whole(found, 2, 1)


def _pads(found: Any) -> bool:
    return _whole(found, 4, 0)


def _count(found: Any) -> bool:
    return _whole([found], 1, 1)


def _truth(found: Any) -> bool:
    return isinstance(found, bool)


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"expected {what}")


Check = Callable[[Any], bool]
POOL: dict[str, Check] = {"kernel": _pair, "stride": _pair, "padding": _pads}
ATTRIBUTES: dict[str, dict[str, Check]] = {
    "affine": {"scale": _numbers, "shift": _numbers},
    "conv2d": {
        "weight": _tensor,
        "bias": _maybe_tensor,
        "stride": _pair,
        "dilation": _pair,
        "groups": _count,
        "padding": _pads,
    },
    "linear": {"weight": _tensor, "bias": _maybe_tensor},
    "batch_norm": {"mean": _tensor, "var": _tensor, "weight": _maybe_tensor, "bias": _maybe_tensor, "eps": _number},
    **{name: {} for name in ACTIVATIONS},
    "leaky_relu": {"slope": _number},
    "clip": {"low": _number, "high": _number},
    "max_pool2d": POOL,
    "avg_pool2d": {**POOL, "count_padding": _truth},
    "global_mean": {},
    "flatten": {},
    "add": {},
    "mul": {},
    "concat": {},
    "constant": {"values": _numbers},
}
TENSORS = {
    "conv2d": ("weight", "bias"),
    "linear": ("weight", "bias"),
    "batch_norm": ("mean", "var", "weight", "bias"),
}
OPS: dict[str, Callable[[Node, Sequence[Shape], Mapping[str, Shape]], Shape]] = {
    "affine": _affine,
    "conv2d": _conv2d,
    "linear": _linear,
    "batch_norm": _batch_norm,
    **dict.fromkeys(ACTIVATIONS, _alone),
    "max_pool2d": _pool,
    "avg_pool2d": _pool,
    "global_mean": _global_mean,
    "flatten": _flatten,
    "add": _add,
    "mul": _mul,
    "concat": _concat,
    "constant": _constant,
}

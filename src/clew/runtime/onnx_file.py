"""An inference graph as an ONNX model (https://onnx.ai); needs onnx and numpy, no torch.

Operations are those of opset 17, which ONNX Runtime runs natively and in browsers. Weights that are zero stay zero and
take the time of any other: ONNX knows no unstructured sparsity that a runtime would gain from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.runtime.graph import IMAGE, Graph, Node, Shape, shapes_of

OPSET, IR_VERSION = 17, 8
INPUT, OUTPUT, BATCH = "images", "logits", "batch"
MOST_BYTES = 2**31 - 2**20  # of a file without parts beside it


def onnx_model(graph: Graph, tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, str] | None = None) -> Any:
    """The model (onnx.ModelProto), input `images` (B, 3, H, W) float32 in [0, 1], output `logits` (B, K), any B.

    `tensors` holds what the graph names; `facts` become the model's metadata. Raises ClewError without onnx, or when
    the weights are too many for one file; ValueError when graph and tensors do not fit, or it ends in maps.
    """
    onnx = _onnx()
    shapes = shapes_of(graph, {name: tensor.shape for name, tensor in tensors.items()})
    if len(shapes[graph.output]) != 1:
        raise ValueError(f"expected a graph that ends in a vector, found {shapes[graph.output]}")
    used = {name: tensors[name] for node in graph.nodes for name in node.tensors}
    if sum(tensor.size for tensor in used.values()) * 4 > MOST_BYTES:
        raise ClewError("the network is too large for one ONNX file, which ends at 2 GiB.")
    make = _Making(onnx, shapes, {IMAGE: INPUT, graph.output: OUTPUT})
    for name, tensor in used.items():
        make.hold(f"state/{name}", tensor)
    for node in graph.nodes:
        WRITE[node.op](make, node)
    value = onnx.helper.make_tensor_value_info
    body = onnx.helper.make_graph(
        make.nodes,
        "clew",
        [value(INPUT, onnx.TensorProto.FLOAT, [BATCH, *graph.input])],
        [value(OUTPUT, onnx.TensorProto.FLOAT, [BATCH, *shapes[graph.output]])],
        list(make.held.values()),
    )
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(body, opset_imports=opsets, ir_version=IR_VERSION, producer_name="clew")
    onnx.helper.set_model_props(model, dict(facts or {}))
    onnx.checker.check_model(model, full_check=True)
    return model


def _onnx() -> Any:
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ClewError(f"ONNX files need onnx: pip install 'clew[onnx]' ({error}).") from None
    return onnx


@dataclass
class _Making:
    """A model under way. Names of values, tensors and constants are kept apart, whatever a file calls them."""

    onnx: Any
    shapes: Mapping[str, Shape]
    ends: Mapping[str, str]
    nodes: list[Any] = field(default_factory=list)
    held: dict[str, Any] = field(default_factory=dict)

    def name(self, value: str) -> str:
        """What a value of the graph is called in the model."""
        return self.ends.get(value, f"value/{value}")

    def hold(self, name: str, array: NDArray[Any]) -> str:
        """Keeps an array in the model; numbers with a point become float32."""
        kept = np.ascontiguousarray(array, np.int64 if array.dtype.kind in "iu" else np.float32)
        self.held[name] = self.onnx.numpy_helper.from_array(kept, name)
        return name

    def constant(self, node: Node, key: str, array: Any) -> str:
        """The name of an array that this node needs."""
        return self.hold(f"constant/{key}/{node.output}", np.asarray(array))

    def by_channel(self, node: Node, key: str, numbers: Sequence[float]) -> str:
        """Numbers as they stand along the channels of the node's output (B, C, ...)."""
        around = [1] * (len(self.shapes[node.output]) - 1)
        return self.constant(node, key, np.asarray(numbers, np.float64).reshape(1, -1, *around))

    def inner(self, node: Node, key: str) -> str:
        """The name of a value between the operations that one node becomes."""
        return f"inner/{key}/{node.output}"

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """One operation of ONNX; returns its output's name."""
        self.nodes.append(self.onnx.helper.make_node(op, list(inputs), [output], name=f"{op}/{output}", **attributes))
        return output

    def plain(self, op: str, node: Node, *more: str, **attributes: Any) -> str:
        """One operation that is the whole node; `more` inputs follow the node's own."""
        inputs = [*(self.name(value) for value in node.inputs), *more]
        return self.add(op, inputs, self.name(node.output), **attributes)


def _affine(make: _Making, node: Node) -> None:
    scaled = make.inner(node, "scaled")
    scale, shift = (make.by_channel(node, key, node[key]) for key in ("scale", "shift"))
    make.add("Mul", [make.name(node.inputs[0]), scale], scaled)
    make.add("Add", [scaled, shift], make.name(node.output))


def _conv2d(make: _Making, node: Node) -> None:
    how = {"strides": node["stride"], "pads": node["padding"], "dilations": node["dilation"], "group": node["groups"]}
    make.plain("Conv", node, *(f"state/{name}" for name in node.tensors), **how)


def _linear(make: _Making, node: Node) -> None:
    make.plain("Gemm", node, *(f"state/{name}" for name in node.tensors), transB=1)


def _batch_norm(make: _Making, node: Node) -> None:
    channels = make.shapes[node.output][0]
    usual = {"weight": np.ones(channels), "bias": np.zeros(channels), "mean": None, "var": None}
    given = [
        make.constant(node, key, usual[key]) if node[key] is None else f"state/{node[key]}"
        for key in ("weight", "bias", "mean", "var")
    ]
    make.plain("BatchNormalization", node, *given, epsilon=float(node["eps"]))


def _clip(make: _Making, node: Node) -> None:
    low, high = (make.constant(node, key, np.float32(node[key])) for key in ("low", "high"))
    make.plain("Clip", node, low, high)


def _silu(make: _Making, node: Node) -> None:
    value = make.name(node.inputs[0])
    make.add("Mul", [value, make.add("Sigmoid", [value], make.inner(node, "gate"))], make.name(node.output))


def _gelu(make: _Making, node: Node) -> None:
    """x / 2 * (1 + erf(x / sqrt 2))."""
    value = make.name(node.inputs[0])
    root, one, half = (make.constant(node, k, v) for k, v in (("root", math.sqrt(0.5)), ("one", 1.0), ("half", 0.5)))
    scaled = make.add("Mul", [value, root], make.inner(node, "scaled"))
    error = make.add("Erf", [scaled], make.inner(node, "erf"))
    raised = make.add("Add", [error, one], make.inner(node, "raised"))
    gated = make.add("Mul", [value, raised], make.inner(node, "gated"))
    make.add("Mul", [gated, half], make.name(node.output))


def _pool(op: str) -> Callable[[_Making, Node], None]:
    def write(make: _Making, node: Node) -> None:
        how = {"kernel_shape": node["kernel"], "strides": node["stride"], "pads": node["padding"]}
        counted = {"count_include_pad": int(node["count_padding"])} if op == "AveragePool" else {}
        make.plain(op, node, **how, **counted)

    return write


def _global_mean(make: _Making, node: Node) -> None:
    mean = make.add("GlobalAveragePool", [make.name(node.inputs[0])], make.inner(node, "mean"))
    make.add("Flatten", [mean], make.name(node.output), axis=1)


def _mul(make: _Making, node: Node) -> None:
    first, second = (make.name(value) for value in node.inputs)
    if len(make.shapes[node.inputs[0]]) > len(make.shapes[node.inputs[1]]):
        axes = make.constant(node, "axes", np.array([2, 3]))
        second = make.add("Unsqueeze", [second, axes], make.inner(node, "factors"))
    make.add("Mul", [first, second], make.name(node.output))


def _constant(make: _Making, node: Node) -> None:
    """The same vector for each picture of the batch."""
    values = make.constant(node, "values", np.asarray(node["values"], np.float64)[None])
    count = make.add("Shape", [INPUT], make.inner(node, "count"), start=0, end=1)
    width = make.constant(node, "width", np.array([len(node["values"])]))
    shape = make.add("Concat", [count, width], make.inner(node, "shape"), axis=0)
    make.add("Expand", [values, shape], make.name(node.output))


def _plain(op: str, **attributes: Any) -> Callable[[_Making, Node], None]:
    def write(make: _Making, node: Node) -> None:
        make.plain(op, node, **attributes)

    return write


WRITE: dict[str, Callable[[_Making, Node], Any]] = {
    "affine": _affine,
    "conv2d": _conv2d,
    "linear": _linear,
    "batch_norm": _batch_norm,
    "relu": _plain("Relu"),
    "leaky_relu": lambda make, node: make.plain("LeakyRelu", node, alpha=float(node["slope"])),
    "clip": _clip,
    "sigmoid": _plain("Sigmoid"),
    "silu": _silu,
    "gelu": _gelu,
    "hardswish": _plain("HardSwish"),
    "hardsigmoid": _plain("HardSigmoid", alpha=1 / 6, beta=0.5),
    "max_pool2d": _pool("MaxPool"),
    "avg_pool2d": _pool("AveragePool"),
    "global_mean": _global_mean,
    "flatten": _plain("Flatten", axis=1),
    "add": _plain("Add"),
    "mul": _mul,
    "concat": _plain("Concat", axis=1),
    "constant": _constant,
}

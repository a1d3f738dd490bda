"""Channels that nothing needs, removed: the network is smaller and finds the same.

A channel whose filter is wholly pruned is constant; where its readers can take the constant into their biases, or it
is zero, nobody needs to read it. A channel that nobody reads need not be made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.runtime.graph import ACTIVATIONS, Graph, Node, Shape, shapes_of

Array = NDArray[Any]
Kept = NDArray[np.bool_]
TIED = (*ACTIVATIONS, "batch_norm", "affine", "max_pool2d", "avg_pool2d", "global_mean", "add", "mul")


@dataclass(frozen=True)
class Compact:
    """The smaller `graph` and `tensors`; of `channels` made by layers with weights, `removed` were removed."""

    graph: Graph
    tensors: dict[str, Array] = field(repr=False)
    channels: int
    removed: int


def compacted(graph: Graph, tensors: Mapping[str, Array]) -> Compact:
    """The network without dead channels; raises ValueError when graph and tensors do not fit."""
    shapes = shapes_of(graph, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    work = _Work(graph, shapes, tensors)
    work.fold_constants()
    kept = work.kept()
    made = [node for node in work.nodes if node.op in ("conv2d", "linear")]
    channels = sum(len(kept[node.output]) for node in made)
    left = sum(int(kept[node.output].sum()) for node in made)
    nodes = tuple(work.rewritten(node, kept) for node in work.nodes)
    return Compact(Graph(graph.input, nodes, graph.output), work.new, channels, channels - left)


class _Work:
    """Nodes with weights of their own: a tensor that two layers share is copied."""

    def __init__(self, graph: Graph, shapes: Mapping[str, Shape], tensors: Mapping[str, Array]) -> None:
        self.graph, self.shapes = graph, shapes
        self.tensors: dict[str, Array] = {}
        self.new: dict[str, Array] = {}
        self.nodes = [self._own(node, tensors) for node in graph.nodes]

    def _own(self, node: Node, tensors: Mapping[str, Array]) -> Node:
        attributes = dict(node.attributes)
        for key in ("weight", "bias", "mean", "var"):
            name = attributes.get(key)
            if name is not None:
                own = attributes[key] = f"{node.output}.{key}"
                self.tensors[own] = np.array(tensors[name], np.float32)
        if node.op in ("conv2d", "linear") and attributes["bias"] is None:
            own = attributes["bias"] = f"{node.output}.bias"
            self.tensors[own] = np.zeros(len(self.tensors[f"{node.output}.weight"]), np.float32)
        return replace(node, attributes=attributes)

    # Constants

    def fold_constants(self) -> None:
        """Readers take what is constant in their inputs into their biases, as far as they can."""
        known: dict[str, Array] = {}  # the constant of each channel, NaN where it is none
        for node in self.nodes:
            inputs = [known.get(name, np.full(self.shapes[name][0], np.nan)) for name in node.inputs]
            known[node.output] = self._constants(node, inputs)

    def _constants(self, node: Node, inputs: list[Array]) -> Array:
        if node.op in ("conv2d", "linear"):
            return self._folded(node, inputs[0])
        if node.op == "batch_norm":
            mean, var = (self.tensors[node[key]].astype(np.float64) for key in ("mean", "var"))
            found = (inputs[0] - mean) / np.sqrt(var + node["eps"])
            weight, bias = (None if node[key] is None else self.tensors[node[key]] for key in ("weight", "bias"))
            return np.asarray(found * (1 if weight is None else weight) + (0 if bias is None else bias))
        if node.op == "relu":
            return np.maximum(inputs[0], 0)
        if node.op == "leaky_relu":
            return np.where(inputs[0] > 0, inputs[0], inputs[0] * node["slope"])
        if node.op in ("max_pool2d", "global_mean"):
            return inputs[0]
        if node.op == "avg_pool2d":
            return np.where(inputs[0] == 0, 0.0, np.nan)
        if node.op == "add":
            return np.asarray(inputs[0] + inputs[1])
        if node.op == "concat":
            return np.concatenate(inputs)
        if node.op == "flatten" and len(self.shapes[node.inputs[0]]) == 3:
            return np.repeat(inputs[0], self.shapes[node.output][0] // self.shapes[node.inputs[0]][0])
        return np.full(self.shapes[node.output][0], np.nan)

    def _folded(self, node: Node, constant: Array) -> Array:
        """Takes constant inputs into the bias; what this layer makes without reading anything is constant itself."""
        weight, bias = self.tensors[node["weight"]], self.tensors[node["bias"]]
        plain = node.op == "linear" or (node["groups"] == 1 and not any(node["padding"]))
        takes = np.isfinite(constant) if plain else constant == 0
        if node.op == "linear" or node["groups"] == 1:
            value = np.where(takes, constant, 0.0)
            share = weight.astype(np.float64).sum((2, 3)) if weight.ndim == 4 else weight.astype(np.float64)
            bias += (share @ value).astype(np.float32)
            weight[:, takes] = 0
        still = ~(weight != 0).reshape(len(weight), -1).any(1)
        return np.where(still, bias.astype(np.float64), np.nan)

    # What is needed

    def kept(self) -> dict[str, Kept]:
        """The channels of each value that are needed; those that nodes tie together go or stay together."""
        found = {name: np.zeros(shape[0], bool) for name, shape in self.shapes.items()}
        found[self.graph.output][:] = True
        for name in {name for node in self.nodes for name in node.inputs} - {node.output for node in self.nodes}:
            found[name][:] = True  # the picture
        before = -1
        while before != (now := sum(int(kept.sum()) for kept in found.values())):
            before = now
            for node in reversed(self.nodes):
                self._need(node, found)
        for kept in found.values():
            kept[:1] |= not kept.any()  # a value has one channel at least
        return found

    def _need(self, node: Node, kept: dict[str, Kept]) -> None:
        out = kept[node.output]
        if node.op in TIED:
            for name in node.inputs:
                kept[name] |= out
                out |= kept[name]
        elif node.op == "linear" or (node.op == "conv2d" and node["groups"] == 1):
            out[:1] |= not out.any()
            weight = self.tensors[node["weight"]][out]
            kept[node.inputs[0]] |= (weight != 0).reshape(len(weight), weight.shape[1], -1).any((0, 2))
        elif node.op == "conv2d":
            self._grouped(node, kept)
        elif node.op == "concat":
            start = 0
            for name in node.inputs:
                part = slice(start, start + len(kept[name]))
                kept[name] |= out[part]
                out[part] |= kept[name]
                start = part.stop
        elif node.op == "flatten":
            source = kept[node.inputs[0]]
            source |= out.reshape(len(source), -1).any(1)
            out |= np.repeat(source, len(out) // len(source))
        elif node.op == "constant":
            out[:] = True

    def _grouped(self, node: Node, kept: dict[str, Kept]) -> None:
        """Of a depthwise convolution channels go one by one, of other groups none."""
        out, source = kept[node.output], kept[node.inputs[0]]
        if node["groups"] == len(out) == len(source):
            source |= out
            out |= source
        else:
            source[:] = out[:] = True

    # The smaller network

    def rewritten(self, node: Node, kept: Mapping[str, Kept]) -> Node:
        """A node of the smaller network; its tensors go to `new`."""
        out, attributes = kept[node.output], dict(node.attributes)
        for key in ("weight", "bias", "mean", "var"):
            name = attributes.get(key)
            if name is not None:
                self.new[name] = self.tensors[name][out]
        if node.op == "linear" or (node.op == "conv2d" and node["groups"] == 1):
            self.new[node["weight"]] = np.ascontiguousarray(self.new[node["weight"]][:, kept[node.inputs[0]]])
        elif node.op == "conv2d" and node["groups"] == len(out):
            attributes["groups"] = int(out.sum())
        for key in ("scale", "shift"):
            if len(attributes.get(key, ())) > 1:
                attributes[key] = [number for number, stays in zip(attributes[key], out, strict=True) if stays]
        return replace(node, attributes=attributes)

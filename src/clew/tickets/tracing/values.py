"""What a traced network's tensors stand for in its inference graph, and the making of the graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clew.runtime.graph import IMAGE, Graph, Node, Pads

Sides = tuple[int, ...]


class Refused(Exception):
    """An operation has no counterpart in a graph, for a reason that only this case has."""


@dataclass(frozen=True)
class Value:
    """A value of the graph: `name` there, `shape` of one picture in torch.

    `maps`: it is maps (C, H, W) in the graph too, else the vector of its numbers in their order; `of`: the maps that
    this vector is the flattening of.
    """

    name: str
    shape: Sides
    maps: bool = False
    of: Value | None = None


@dataclass(frozen=True)
class Padded:
    """Maps with `pads` [top, left, bottom, right] of `fill` around them, which the operation after it takes over."""

    value: Value
    pads: Pads
    fill: float


@dataclass(frozen=True)
class Tensor:
    """A tensor of the network's state, perhaps as its transposed."""

    name: str
    shape: Sides
    transposed: bool = False


@dataclass(frozen=True)
class Missing:
    """What a graph has no counterpart of: the operation, the module that it stands in, and the reason, if special."""

    op: str
    where: str
    why: str = ""


Entry = Value | Padded | Tensor | Missing


def both(first: Pads, second: Pads) -> Pads:
    """One border around another."""
    top, left, bottom, right = (a + b for a, b in zip(first, second, strict=True))
    return top, left, bottom, right


def bordered(found: object, fill: float) -> tuple[Value, Pads]:
    """The maps that a window slides over, and the border of `fill` that they were given; raises Refused for others."""
    border: Pads = (0, 0, 0, 0)
    if isinstance(found, Padded):
        if found.fill != fill:
            raise Refused(f"it takes a border of {fill:g}, the one before it is of {found.fill:g}")
        border, found = found.pads, found.value
    if not isinstance(found, Value) or not found.maps:
        raise Refused("it does not work on maps (C, H, W)")
    return found, border


@dataclass
class Making:
    """A graph under way: nodes by the name of their values; `means`: which values are whole maps' means, of what."""

    input: tuple[int, int, int]
    nodes: dict[str, Node] = field(default_factory=dict)
    means: dict[str, Value] = field(default_factory=dict)

    @property
    def image(self) -> Value:
        """The picture."""
        return Value(IMAGE, self.input, maps=True)

    def add(self, op: str, inputs: Sequence[Value], shape: Sides, maps: bool, **attributes: Any) -> Value:
        """The value of a new node."""
        name = f"v{len(self.nodes) + 1}"
        self.nodes[name] = Node(op, tuple(value.name for value in inputs), name, attributes)
        return Value(name, shape, maps)

    def affine(self, value: Value, scale: Sequence[float], shift: Sequence[float]) -> Value:
        """x * scale + shift, each one number or one for each channel; one node with an affine one before it."""
        before = self.nodes.get(value.name)
        name = value.name
        if before is not None and before.op == "affine":
            shift = [a * b + c for a, b, c in _together(before["shift"], scale, shift)]
            scale = [a * b for a, b in _together(before["scale"], scale)]
            name = before.inputs[0]
        value = Value(name, value.shape, value.maps)
        if set(scale) == {1.0} and set(shift) == {0.0}:
            return value
        return self.add("affine", [value], value.shape, value.maps, scale=_shortest(scale), shift=_shortest(shift))

    def mean(self, value: Value) -> Value:
        """The means of maps, as maps (C, 1, 1); as a vector they are a node of their own."""
        size = list(value.shape[1:])
        pool = {"kernel": size, "stride": size, "padding": [0, 0, 0, 0], "count_padding": False}
        mean = self.add("avg_pool2d", [value], (value.shape[0], 1, 1), True, **pool)
        self.means[mean.name] = value
        return mean

    def vector(self, value: Value, shape: Sides | None = None) -> Value:
        """A value as a vector, of `shape` in torch."""
        shape = value.shape if shape is None else shape
        if not value.maps:
            return replace(value, shape=shape)
        if value.name in self.means:
            return replace(self.add("global_mean", [self.means[value.name]], shape, False), of=value)
        return replace(self.add("flatten", [value], shape, False), of=value)

    def viewed(self, value: Value, shape: Sides) -> Value:
        """The same numbers in the same order in another shape."""
        if shape == value.shape:
            return value
        if value.of is not None and value.of.shape == shape:
            return value.of
        return self.vector(value, shape)

    def finished(self, output: Value) -> Graph:
        """The graph of what `output` needs, its values numbered in order."""
        needed = {output.name}
        for name, node in reversed(self.nodes.items()):
            if name in needed:
                needed.update(node.inputs)
        kept = [node for name, node in self.nodes.items() if name in needed]
        names = {IMAGE: IMAGE, **{node.output: f"v{number}" for number, node in enumerate(kept, 1)}}
        nodes = (Node(n.op, tuple(names[i] for i in n.inputs), names[n.output], n.attributes) for n in kept)
        return Graph(self.input, tuple(nodes), names[output.name])


def _together(*lists: Sequence[float]) -> Iterator[tuple[float, ...]]:
    """Numbers by channel, of lists of which some have one for all."""
    count = max(map(len, lists))
    return zip(*(list(one) * count if len(one) == 1 else one for one in lists), strict=True)


def _shortest(numbers: Sequence[float]) -> list[float]:
    return [numbers[0]] if len(set(numbers)) == 1 else list(numbers)

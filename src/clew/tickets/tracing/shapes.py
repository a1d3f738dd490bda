"""Operations that move values about: in a graph they are nothing, or a flattening, a border or a joining."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from clew.tickets.tracing.calls import Call, counterpart, one_picture
from clew.tickets.tracing.values import Making, Padded, Refused, Sides, Tensor, Value, both


@counterpart("alias", "detach", "clone", "contiguous", "lift_fresh", "lift_fresh_copy")
def same(make: Making, call: Call) -> Value | Padded | Tensor:
    """Nothing is done."""
    found: Value | Padded | Tensor = call.arguments["self"]
    return found


@counterpart("dropout", "feature_dropout", "alpha_dropout", "native_dropout")
def dropout(make: Making, call: Call) -> Value:
    """Nothing is done, in evaluation mode."""
    if call.get("train", True):
        raise Refused("it draws at random")
    return call.value("input")


@counterpart("_to_copy", "to")
def to_copy(make: Making, call: Call) -> Value:
    """Nothing is done where it stays what it is."""
    if call.get("dtype", torch.float32) != torch.float32:
        raise Refused("graphs know float32 alone")
    return call.value("self")


@counterpart("view", "_unsafe_view", "reshape", "_reshape_alias", "flatten", "squeeze", "unsqueeze", "expand")
def view(make: Making, call: Call) -> Value:
    """The same numbers in the same order."""
    value = call.value("self")
    if math.prod(call.shape) != math.prod(value.shape):
        raise Refused("it repeats values")
    return make.viewed(value, call.shape)


@counterpart("t", "transpose", "permute")
def transposed(make: Making, call: Call) -> Value | Tensor:
    """A weight matrix lying on its side, or one axis of numbers at another place."""
    found = call.arguments["self"]
    if isinstance(found, Tensor) and len(found.shape) == 2:
        return Tensor(found.name, found.shape, not found.transposed)
    value = call.value("self")
    if max(value.shape, default=1) != math.prod(value.shape):
        raise Refused("graphs keep the order of their axes")
    return make.viewed(value, call.shape)


@counterpart("constant_pad_nd", "pad")
def pad(make: Making, call: Call) -> Padded | Value:
    """A border, which the operation after it takes over."""
    found = call.arguments["self"]
    value = found.value if isinstance(found, Padded) else call.maps("self")
    sides = list(call.arguments["pad"])
    if len(sides) > 4 or min(sides, default=0) < 0 or call.get("mode", "constant") != "constant":
        raise Refused("it does more than put a border of one value around maps")
    left, right, top, bottom = (*sides, 0, 0, 0, 0)[:4]
    pads, fill = (top, left, bottom, right), float(call.get("value", 0))
    if isinstance(found, Padded):
        if found.fill != fill:
            raise Refused("it puts another border around a border")
        pads = both(found.pads, pads)
    return Padded(value, pads, fill) if any(pads) else value


@counterpart("cat", "concat")
def cat(make: Making, call: Call) -> Value:
    """Values one after the other."""
    parts = [(one, _shape(one)) for one in call.arguments["tensors"]]
    return _joined(make, call, parts, call.get("dim", 0) % (len(call.shape) + 1))


@counterpart("stack")
def stack(make: Making, call: Call) -> Value:
    """Values one after the other, along an axis of their own."""
    at = call.get("dim", 0) % (len(call.shape) + 1)
    parts = []
    for one in call.arguments["tensors"]:
        shape = list(_shape(one))
        shape.insert(max(at - 1, 0), 1)
        parts.append((one, tuple(shape)))
    return _joined(make, call, parts, at)


def _shape(found: Any) -> Sides:
    return tuple(found.shape[1:] if isinstance(found, torch.Tensor) else found.shape)


def _joined(make: Making, call: Call, parts: Sequence[tuple[Any, Sides]], dim: int) -> Value:
    if not dim or math.prod(call.shape[: dim - 1]) != 1:
        raise Refused("graphs join values along their first axis alone")
    parts = [part for part in parts if math.prod(part[1])]
    maps = all(isinstance(one, Value) and one.maps and one.shape == shape for one, shape in parts)
    values = [one if maps else _flat(make, call, one) for one, _ in parts]
    return make.add("concat", values, call.shape, maps) if len(values) > 1 else make.viewed(values[0], call.shape)


def _flat(make: Making, call: Call, found: Any) -> Value:
    """A value or constant as a vector."""
    if isinstance(found, Value):
        return make.vector(found)
    if not isinstance(found, torch.Tensor):
        raise Refused("it works on weights")
    numbers = one_picture(call, found).flatten()
    if not bool(numbers.isfinite().all()):
        raise Refused("it joins a constant that is not finite")
    return make.add("constant", [], tuple(numbers.shape), False, values=numbers.tolist())

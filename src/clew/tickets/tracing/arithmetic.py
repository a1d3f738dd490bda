"""Operations on each number: activations, sums and products."""

from __future__ import annotations

import math
from typing import Any

import torch

from clew.runtime.graph import LARGEST
from clew.tickets.tracing.calls import Call, Counterpart, counterpart, one_picture
from clew.tickets.tracing.values import Making, Refused, Value


def _plain(op: str) -> Counterpart:
    def add(make: Making, call: Call) -> Value:
        value = call.value("self")
        return make.add(op, [value], value.shape, value.maps)

    return add


for _op in ("relu", "sigmoid", "silu", "hardswish", "hardsigmoid"):
    counterpart(_op)(_plain(_op))


@counterpart("leaky_relu")
def leaky_relu(make: Making, call: Call) -> Value:
    """LeakyReLU of a slope."""
    value = call.value("self")
    return make.add("leaky_relu", [value], value.shape, value.maps, slope=float(call.get("negative_slope", 0.01)))


@counterpart("gelu")
def gelu(make: Making, call: Call) -> Value:
    """GELU in its exact form."""
    if call.get("approximate", "none") != "none":
        raise Refused("graphs know its exact form alone")
    return _plain("gelu")(make, call)  # type: ignore[return-value]


@counterpart("hardtanh", "relu6", "clamp", "clamp_min", "clamp_max", "clip")
def clip(make: Making, call: Call) -> Value:
    """Numbers kept between two bounds, or above one."""
    value = call.value("self")
    low, high = _bound(call, "min_val", "min"), _bound(call, "max_val", "max")
    if low == 0 and high is None:
        return make.add("relu", [value], value.shape, value.maps)
    bounds = {"low": -LARGEST if low is None else low, "high": LARGEST if high is None else high}
    return make.add("clip", [value], value.shape, value.maps, **bounds)


def _bound(call: Call, *keys: str) -> float | None:
    found = next((call.arguments[key] for key in keys if call.get(key) is not None), None)
    if found is None or (isinstance(found, int | float) and math.isfinite(found)):
        return None if found is None else float(found)
    raise Refused("its bounds are no finite numbers")


@counterpart("add")
def add(make: Making, call: Call) -> Value:
    """self + alpha * other."""
    return _added(make, call, call.arguments["self"], call.arguments["other"], call.get("alpha", 1))


@counterpart("sub", "subtract")
def sub(make: Making, call: Call) -> Value:
    """self - alpha * other."""
    return _added(make, call, call.arguments["self"], call.arguments["other"], -call.get("alpha", 1))


@counterpart("rsub")
def rsub(make: Making, call: Call) -> Value:
    """other - alpha * self."""
    return _added(make, call, call.arguments["other"], call.arguments["self"], -call.get("alpha", 1))


def _added(make: Making, call: Call, first: Any, second: Any, factor: float) -> Value:
    """first + factor * second, of which one at least is a value."""
    if not isinstance(second, Value):
        numbers = _numbers(call, first, second)
        return make.affine(first, [1.0], [factor * number for number in numbers])
    scaled = make.affine(second, [float(factor)], [0.0])
    if not isinstance(first, Value):
        return make.affine(scaled, [1.0], _numbers(call, second, first))
    first, scaled = _alike(make, first, scaled)
    return make.add("add", [first, scaled], call.shape, first.maps)


@counterpart("neg")
def neg(make: Making, call: Call) -> Value:
    """-x."""
    return make.affine(call.value("self"), [-1.0], [0.0])


@counterpart("mul", "multiply")
def mul(make: Making, call: Call) -> Value:
    """A product with a constant, of two values, or of maps and a factor for each channel."""
    first, second = call.arguments["self"], call.arguments["other"]
    if not isinstance(first, Value):
        first, second = second, first
    if not isinstance(second, Value):
        return make.affine(first, _numbers(call, first, second), [0.0])
    for maps, factors in ((first, second), (second, first)):
        if maps.maps and maps.shape != factors.shape == (maps.shape[0], 1, 1):
            return make.add("mul", [maps, make.vector(factors)], call.shape, True)
    first, second = _alike(make, first, second)
    return make.add("mul", [first, second], call.shape, first.maps)


@counterpart("div", "divide", "true_divide")
def div(make: Making, call: Call) -> Value:
    """A quotient by a constant."""
    value = call.value("self")
    if isinstance(call.arguments["other"], Value) or call.get("rounding_mode") is not None:
        raise Refused("graphs divide by constants alone")
    numbers = _numbers(call, value, call.arguments["other"])
    if 0.0 in numbers:
        raise Refused("it divides by zero")
    return make.affine(value, [1 / number for number in numbers], [0.0])


def _alike(make: Making, first: Value, second: Value) -> tuple[Value, Value]:
    """Two values of one shape, both maps or both vectors."""
    if first.shape != second.shape:
        raise Refused(f"it works on values of two shapes, {first.shape} and {second.shape}")
    return (first, second) if first.maps == second.maps else (make.vector(first), make.vector(second))


def _numbers(call: Call, value: Any, constant: Any) -> list[float]:
    """A constant as one number for all of a value, or one for each of its channels."""
    if not isinstance(value, Value):
        raise Refused("it works on weights or constants")
    if isinstance(constant, int | float):
        constant = torch.tensor(float(constant), dtype=torch.float64)
    if not isinstance(constant, torch.Tensor):
        raise Refused("it works on weights, where graphs know convolution, linear and BatchNorm alone")
    if constant.ndim == len(value.shape) + 1:
        constant = one_picture(call, constant)
    if call.shape != value.shape or constant.ndim > len(value.shape):
        raise Refused("it repeats values")
    numbers = constant.detach().double().cpu().broadcast_to(value.shape)
    if value.maps:
        if not bool((numbers == numbers[:, :1, :1]).all()):
            raise Refused("its constant is not the same all over a map")
        numbers = numbers[:, 0, 0]
    if not bool(numbers.isfinite().all()):
        raise Refused("its constant is not finite")
    return [float(number) for number in numbers.flatten().tolist()]

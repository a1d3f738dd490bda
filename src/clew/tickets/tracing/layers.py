"""Operations with weights: convolution, linear, BatchNorm."""

from __future__ import annotations

from clew.tickets.tracing.calls import Call, counterpart, pair
from clew.tickets.tracing.values import Making, Refused, Value, bordered, both


@counterpart("convolution", "conv2d", "_convolution")
def convolution(make: Making, call: Call) -> Value:
    """A convolution, a border of zeros before it with it."""
    value, border = bordered(call.arguments["input"], 0.0)
    padding = call.get("padding", (0, 0))
    if call.get("transposed", False) or isinstance(padding, str) or len(call.shape) != 3:
        raise Refused("it is no plain convolution of maps")
    top, left = pair(padding)
    return make.add(
        "conv2d",
        [value],
        call.shape,
        True,
        weight=call.tensor("weight"),
        bias=call.tensor("bias"),
        stride=pair(call.get("stride", (1, 1))),
        dilation=pair(call.get("dilation", (1, 1))),
        groups=int(call.get("groups", 1)),
        padding=list(both(border, (top, left, top, left))),
    )


@counterpart("linear")
def linear(make: Making, call: Call) -> Value:
    """A linear layer."""
    return _product(make, call, call.value("input"), call.tensor("weight"), call.tensor("bias"))


@counterpart("addmm")
def addmm(make: Making, call: Call) -> Value:
    """A linear layer, as a product and its bias."""
    if call.get("alpha", 1) != 1 or call.get("beta", 1) != 1:
        raise Refused("it scales its terms")
    return _product(make, call, call.value("mat1"), call.tensor("mat2", transposed=True), call.tensor("self"))


@counterpart("mm")
def mm(make: Making, call: Call) -> Value:
    """A linear layer without bias, as a product."""
    return _product(make, call, call.value("self"), call.tensor("mat2", transposed=True), None)


def _product(make: Making, call: Call, value: Value, weight: str | None, bias: str | None) -> Value:
    if len(value.shape) != 1:
        raise Refused(f"it works on {value.shape}, which is no vector")
    return make.add("linear", [value], call.shape, False, weight=weight, bias=bias)


@counterpart(
    "batch_norm",
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "_batch_norm_no_update",
    "cudnn_batch_norm",
)
def batch_norm(make: Making, call: Call) -> Value:
    """BatchNorm with the statistics that it has kept."""
    value = call.value("input")
    mean, var = call.tensor("running_mean"), call.tensor("running_var")
    if call.get("training", False) or mean is None or var is None:
        raise Refused("it uses the statistics of its batch")
    if not value.maps and len(value.shape) != 1:
        raise Refused(f"it works on {value.shape}, which are neither maps nor a vector")
    eps = float(call.get("eps", call.get("epsilon", 1e-5)))
    weight, bias = call.tensor("weight"), call.tensor("bias")
    return make.add(
        "batch_norm", [value], value.shape, value.maps, mean=mean, var=var, weight=weight, bias=bias, eps=eps
    )

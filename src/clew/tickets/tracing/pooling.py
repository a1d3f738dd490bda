"""Operations that pool: windows, and means and maxima of whole maps."""

from __future__ import annotations

import math

from clew.runtime.graph import Pads
from clew.tickets.tracing.calls import Call, counterpart, pair
from clew.tickets.tracing.values import Making, Refused, Value, bordered, both


@counterpart("max_pool2d", "max_pool2d_with_indices")
def max_pool(make: Making, call: Call) -> Value:
    """The maxima of windows, a border before them with them."""
    value, border = bordered(call.arguments["self"], -math.inf)
    if pair(call.get("dilation", (1, 1))) != [1, 1]:
        raise Refused("its windows are dilated")
    return make.add("max_pool2d", [value], call.shape, True, **_windows(call, value, border))


@counterpart("avg_pool2d")
def avg_pool(make: Making, call: Call) -> Value:
    """The means of windows; all of their border counts as zero, or none of it."""
    value, border = bordered(call.arguments["self"], 0.0)
    if call.get("divisor_override") is not None:
        raise Refused("it divides by another number than its windows have")
    top, left = pair(call.get("padding", (0, 0)))
    own, windows = any((top, left)), _windows(call, value, border)
    beyond = tuple(windows["padding"]) != both(border, (top, left, top, left))
    included = call.get("count_include_pad", True)
    counted, uncounted = any(border) or (own and included), beyond or (own and not included)
    if counted and uncounted:
        raise Refused("part of its border counts and part does not")
    return make.add("avg_pool2d", [value], call.shape, True, **windows, count_padding=bool(counted))


def _windows(call: Call, value: Value, border: Pads) -> dict[str, list[int]]:
    """Kernel, stride and padding; how far windows reach beyond the end (ceil_mode) is padding at the end."""
    kernel = pair(call.arguments["kernel_size"])
    stride = pair(call.get("stride") or kernel)
    top, left = pair(call.get("padding", (0, 0)))
    top, left, bottom, right = both(border, (top, left, top, left))
    height, width = ((call.shape[at + 1] - 1) * stride[at] + kernel[at] - value.shape[at + 1] for at in (0, 1))
    padding = [top, left, max(bottom, height - top), max(right, width - left)]
    return {"kernel": kernel, "stride": stride, "padding": padding}


@counterpart("mean")
def mean(make: Making, call: Call) -> Value:
    """The means of whole maps, flattened or not."""
    value = call.value("self")
    dims = sorted(dim % (len(value.shape) + 1) for dim in call.get("dim", range(len(value.shape) + 1)))
    of = value.of
    if value.maps and dims == [2, 3]:
        return make.viewed(make.mean(value), call.shape)
    if of is not None and of.maps and dims == [2] and value.shape == (of.shape[0], of.shape[1] * of.shape[2]):
        return make.viewed(make.mean(of), call.shape)
    raise Refused("graphs average whole maps alone")


@counterpart("adaptive_avg_pool2d", "_adaptive_avg_pool2d")
def adaptive_avg_pool(make: Making, call: Call) -> Value:
    """The means of windows of one size."""
    value = call.maps("self")
    if call.shape[1:] == (1, 1):
        return make.mean(value)
    return make.add("avg_pool2d", [value], call.shape, True, **_even(call, value), count_padding=False)


@counterpart("adaptive_max_pool2d")
def adaptive_max_pool(make: Making, call: Call) -> Value:
    """The maxima of windows of one size."""
    value = call.maps("self")
    return make.add("max_pool2d", [value], call.shape, True, **_even(call, value))


@counterpart("amax")
def amax(make: Making, call: Call) -> Value:
    """The maxima of whole maps."""
    value = call.maps("self")
    if sorted(dim % 4 for dim in call.get("dim", ())) != [2, 3]:
        raise Refused("graphs take the maximum of whole maps alone")
    size = list(value.shape[1:])
    shape = (value.shape[0], 1, 1)
    largest = make.add("max_pool2d", [value], shape, True, kernel=size, stride=size, padding=[0, 0, 0, 0])
    return make.viewed(largest, call.shape)


def _even(call: Call, value: Value) -> dict[str, list[int]]:
    """The windows of adaptive pooling, where all are of one size."""
    sides = list(zip(value.shape[1:], call.shape[1:], strict=True))
    if any(whole % parts for whole, parts in sides):
        raise Refused("its windows are of several sizes")
    kernel = [whole // parts for whole, parts in sides]
    return {"kernel": kernel, "stride": kernel, "padding": [0, 0, 0, 0]}

"""Activations that need the exponential function, in fp32 whatever the kernel computes in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from clew.runtime.kernels.emit import I32, Kernel, ir

# exp(x) = 2^n exp(r), |r| <= ln 2 / 2: n by rounding, exp(r) by its series, whose rest is below 1e-8 of it
LOG2E, LN2_HIGH, LN2_LOW = 1 / math.log(2), 0.693359375, -2.12194440e-4
SERIES = tuple(1 / math.factorial(power) for power in range(7, -1, -1))
LARGEST = 87.0  # beyond it numbers of fp32 end
# erf by Abramowitz and Stegun 7.1.26: wrong by at most 1.5e-7
ERF_P, ERF = 0.3275911, (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592, 0.0)


class _Wide:
    """Arithmetic on vectors of fp32 with as many lanes as the kernel's."""

    def __init__(self, k: Kernel) -> None:
        self.k, self.b = k, k.b
        self.kind = ir.VectorType(ir.FloatType(), k.lanes)
        self.whole = ir.VectorType(I32, k.lanes)

    def constant(self, value: float) -> ir.Constant:
        return ir.Constant(self.kind, [ir.Constant(ir.FloatType(), value)] * self.k.lanes)

    def integer(self, value: int) -> ir.Constant:
        return ir.Constant(self.whole, [ir.Constant(I32, value)] * self.k.lanes)

    def within(self, x: Any, low: float, high: float) -> Any:
        b = self.b
        x = b.select(b.fcmp_ordered(">", x, self.constant(low)), x, self.constant(low))
        return b.select(b.fcmp_ordered("<", x, self.constant(high)), x, self.constant(high))

    def polynomial(self, x: Any, factors: Sequence[float]) -> Any:
        b = self.b
        found: Any = self.constant(factors[0])
        for factor in factors[1:]:
            found = b.fadd(b.fmul(found, x), self.constant(factor))
        return found

    def exp(self, x: Any) -> Any:
        b = self.b
        x = self.within(x, -LARGEST, LARGEST)
        scaled = b.fmul(x, self.constant(LOG2E))
        half = b.select(b.fcmp_ordered(">", scaled, self.constant(0.0)), self.constant(0.5), self.constant(-0.5))
        turns = b.fptosi(b.fadd(scaled, half), self.whole)
        number = b.sitofp(turns, self.kind)
        rest = b.fsub(b.fsub(x, b.fmul(number, self.constant(LN2_HIGH))), b.fmul(number, self.constant(LN2_LOW)))
        power = b.bitcast(b.shl(b.add(turns, self.integer(127)), self.integer(23)), self.kind)
        return b.fmul(self.polynomial(rest, SERIES), power)

    def sigmoid(self, x: Any) -> Any:
        b, one = self.b, self.constant(1.0)
        return b.fdiv(one, b.fadd(one, self.exp(b.fsub(self.constant(0.0), x))))

    def erf(self, x: Any) -> Any:
        b, one = self.b, self.constant(1.0)
        negative = b.fcmp_ordered("<", x, self.constant(0.0))
        size = b.select(negative, b.fsub(self.constant(0.0), x), x)
        t = b.fdiv(one, b.fadd(one, b.fmul(self.constant(ERF_P), size)))
        fall = self.exp(b.fsub(self.constant(0.0), b.fmul(size, size)))
        found = b.fsub(one, b.fmul(self.polynomial(t, ERF), fall))
        return b.select(negative, b.fsub(self.constant(0.0), found), found)


def _sigmoid(wide: _Wide, x: Any) -> Any:
    return wide.sigmoid(x)


def _silu(wide: _Wide, x: Any) -> Any:
    return wide.b.fmul(x, wide.sigmoid(x))


def _gelu(wide: _Wide, x: Any) -> Any:
    grown = wide.b.fadd(wide.constant(1.0), wide.erf(wide.b.fmul(x, wide.constant(math.sqrt(0.5)))))
    return wide.b.fmul(wide.b.fmul(x, wide.constant(0.5)), grown)


def _widened(formula: Callable[[_Wide, Any], Any]) -> Callable[[Kernel, Any], Any]:
    def activated(k: Kernel, x: Any) -> Any:
        wide = _Wide(k)
        found = formula(wide, k.b.fpext(x, wide.kind) if k.half else x)
        return k.b.fptrunc(found, k.vector) if k.half else found

    return activated


ACTIVATIONS = {"sigmoid": _widened(_sigmoid), "silu": _widened(_silu), "gelu": _widened(_gelu)}

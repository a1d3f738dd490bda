"""What is done to a layer's values before they are written: activations, factors, sums, the mask of what counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from clew.runtime.kernels.emit import I8, LOWEST, Kernel, ir, whole
from clew.runtime.kernels.exponential import ACTIVATIONS as EXPONENTIAL

Vectors = list[Any]


@dataclass(frozen=True)
class Act:
    """One activation, by its name in the graph, with its numbers."""

    name: str
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True)
class Scale:
    """x * scale + shift, one of each for every channel; takes two arguments, their addresses."""


@dataclass(frozen=True)
class Factor:
    """x times one number for every channel, of a vector of fp32 in the arena; takes one argument."""


@dataclass(frozen=True)
class Other:
    """Adds another tensor, or multiplies by it: `pitch` vectors in a row, `plane` in a channel; takes one argument."""

    pitch: int
    plane: int
    product: bool = False


Step = Act | Scale | Factor | Other


@dataclass(frozen=True)
class Finish:
    """Steps in their order; then what is no part of the maps becomes zero, or the `lowest` number.

    `mask_pitch`: the masks in a row, 0 where everything is part of the maps.
    """

    steps: tuple[Step, ...] = ()
    mask_pitch: int = 0
    lowest: bool = False

    @property
    def others(self) -> tuple[Other, ...]:
        """The tensors that take part."""
        return tuple(step for step in self.steps if isinstance(step, Other))


PLAIN = Finish()


class Finisher:
    """Emits a Finish; its arguments begin at `first`: of each step in turn, then the table of masks."""

    def __init__(self, kernel: Kernel, finish: Finish, first: int) -> None:
        self.kernel, self.finish = kernel, finish
        self.tables: list[tuple[Any, ...]] = []
        for step in finish.steps:
            count = {Act: 0, Scale: 2}.get(type(step), 1)
            self.tables.append(tuple(self._argument(step, first + at) for at in range(count)))
            first += count
        self.masks = kernel.table(first, I8) if finish.mask_pitch else None

    def _argument(self, step: Step, at: int) -> Any:
        return self.kernel.table(at, self.kernel.element) if isinstance(step, Scale) else self.kernel.place(at)

    def apply(self, values: Vectors, channel: Any, places: Sequence[tuple[int, int]], moves: Sequence[Any]) -> Vectors:
        """The finished values of one channel, without the mask.

        `places` (y, x) of each value after the tile's corner; `moves` where the corner is in each other tensor.
        """
        corners = iter(moves)
        for step, tables in zip(self.finish.steps, self.tables, strict=True):
            if isinstance(step, Act):
                values = activated(self.kernel, step, values)
            elif isinstance(step, Scale):
                values = self._scaled(values, channel, *tables)
            elif isinstance(step, Factor):
                values = self._multiplied(values, channel, tables[0])
            else:
                values = self._combined(step, values, channel, places, tables[0], next(corners))
        return values

    def _scaled(self, values: Vectors, channel: Any, scales: Any, shifts: Any) -> Vectors:
        k = self.kernel
        scale, shift = (k.splat(k.b.load(k.b.gep(table, [channel]))) for table in (scales, shifts))
        return [k.multiply_add(value, scale, shift) for value in values]

    def _multiplied(self, values: Vectors, channel: Any, factors: Any) -> Vectors:
        k = self.kernel
        number = k.b.load(k.b.gep(k.b.bitcast(factors, ir.FloatType().as_pointer()), [channel]))
        factor = k.splat(k.b.fptrunc(number, k.element) if k.half else number)
        return [k.b.fmul(value, factor) for value in values]

    def _combined(
        self, step: Other, values: Vectors, channel: Any, places: Sequence[tuple[int, int]], base: Any, move: Any
    ) -> Vectors:
        k = self.kernel
        corner = k.moved(base, k.b.add(move, k.b.mul(channel, whole(step.plane))))
        spots = [y * step.pitch + x for y, x in places]
        combine = k.b.fmul if step.product else k.b.fadd
        return [combine(value, k.load(corner, spot)) for value, spot in zip(values, spots, strict=True)]

    def mask(self, value: Any, corner: Any, y: int = 0, x: int = 0) -> Any:
        """The value where its mask holds, so many rows and columns after mask `corner`; elsewhere the filling."""
        if self.masks is None:
            return value
        k = self.kernel
        at = k.b.add(corner, whole(y * self.finish.mask_pitch + x))
        ints = ir.VectorType(ir.IntType(8 * k.size), k.lanes)
        found = k.b.load(k.b.bitcast(k.moved(self.masks, at), ints.as_pointer()))
        found.align = k.target.bytes
        holds = k.b.icmp_signed("<", found, ir.Constant(ints, [ir.Constant(ints.element, 0)] * k.lanes))
        return k.b.select(holds, value, k.constant(LOWEST[k.half]) if self.finish.lowest else k.zero)


def activated(k: Kernel, act: Act, values: Vectors) -> Vectors:
    """The activation of each value."""
    return [ACTIVATIONS[act.name](k, value, *act.numbers) for value in values]


def _relu(k: Kernel, x: Any) -> Any:
    return k.largest(x, k.zero)


def _leaky_relu(k: Kernel, x: Any, slope: float) -> Any:
    return k.b.select(k.b.fcmp_ordered(">", x, k.zero), x, k.b.fmul(x, k.constant(slope)))


def _clip(k: Kernel, x: Any, low: float, high: float) -> Any:
    return k.smallest(k.largest(x, k.constant(low)), k.constant(high))


def _hardsigmoid(k: Kernel, x: Any) -> Any:
    return _clip(k, k.multiply_add(x, k.constant(1 / 6), k.constant(0.5)), 0.0, 1.0)


def _hardswish(k: Kernel, x: Any) -> Any:
    return k.b.fmul(x, _hardsigmoid(k, x))


ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "clip": _clip,
    "hardsigmoid": _hardsigmoid,
    "hardswish": _hardswish,
    **EXPONENTIAL,
}

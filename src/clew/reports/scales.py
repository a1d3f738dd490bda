"""Where numbers lie on paper: axes, ticks, and labels that keep out of each other's way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NICE_SPARSITIES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
LEAST_LEFT = 1e-6
MOST_OWN_TICKS = 8


@dataclass(frozen=True)
class Linear:
    """Values from `low` to `high` on a line from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True)
class WeightsLeft:
    """Sparsities from 0 to `top` by the logarithm of the weights left: halving them is one step anywhere."""

    top: float
    start: float
    end: float

    def __call__(self, sparsity: float) -> float:
        share = _steps(sparsity) / max(_steps(self.top), 1e-9)
        return self.start + share * (self.end - self.start)

    def ticks(self, levels: Sequence[float], gap: float) -> list[float]:
        """Sparsities to mark, at least `gap` apart: the levels themselves where they are few, with dense."""
        wanted = list(levels) if len(levels) <= MOST_OWN_TICKS else [*NICE_SPARSITIES, max(levels)]
        kept = [0.0]
        for value in sorted(set(wanted), reverse=True):
            if value <= self.top + 5e-4 and all(abs(self(value) - self(other)) >= gap for other in kept):
                kept.append(value)
        return sorted(kept)


def _steps(sparsity: float) -> float:
    return -math.log2(max(1 - sparsity, LEAST_LEFT))


def step_of(span: float, most: int) -> float:
    """A step of 1, 2 or 5 times a power of ten that cuts `span` into at most `most` parts."""
    raw = span / most
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from `low` to `high`."""
    step = step_of(high - low, most)
    first = math.ceil(low / step - 1e-9)
    return [round(at * step, 10) for at in range(first, math.floor(high / step + 1e-9) + 1)]


def domain(values: Sequence[float], least: float = 0.02, top: float | None = None) -> tuple[float, float]:
    """Round limits around values, at least `least` apart, not above `top`."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high - low < least:
        middle = (low + high) / 2
        low, high = middle - least / 2, middle + least / 2
    step = step_of(high - low, 5)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    if top is not None and high > top > low:
        high = top
    return low, high


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places near the wanted ones, at least `gap` apart, within `low` and `high` as far as there is room.

    Neighbours that would touch are moved together, as one block around the middle of what they want.
    """
    order = sorted(range(len(wanted)), key=lambda at: (wanted[at], at))
    blocks: list[list[int]] = []
    for at in order:
        blocks.append([at])
        while (
            len(blocks) > 1
            and _top(blocks[-1], wanted, gap, low, high) < _bottom(blocks[-2], wanted, gap, low, high) + gap
        ):
            last = blocks.pop()
            blocks[-1] += last
    found = [0.0] * len(wanted)
    for block in blocks:
        first = _top(block, wanted, gap, low, high)
        for step, at in enumerate(block):
            found[at] = first + step * gap
    return found


def _top(block: Sequence[int], wanted: Sequence[float], gap: float, low: float, high: float) -> float:
    """Where the first of a block stands: centred on what its members want, then pushed inside the limits."""
    length = (len(block) - 1) * gap
    middle = sum(wanted[at] for at in block) / len(block)
    return max(min(middle - length / 2, high - length), low)


def _bottom(block: Sequence[int], wanted: Sequence[float], gap: float, low: float, high: float) -> float:
    return _top(block, wanted, gap, low, high) + (len(block) - 1) * gap

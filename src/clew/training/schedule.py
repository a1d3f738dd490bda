"""Learning rates by step: (step, steps) -> factor of the highest rate."""

from __future__ import annotations

import math
from collections.abc import Callable

WARM_UP = 0.1
LAST = 0.02


def constant(step: int, steps: int) -> float:
    """Always the highest rate."""
    return 1.0


def cosine(step: int, steps: int) -> float:
    """Linear warm-up over the first tenth, then half a cosine down to 2 % (Loshchilov & Hutter 2017)."""
    warm = max(1, int(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * _after(warm, step, steps)))


def linear(step: int, steps: int) -> float:
    """Linear warm-up over the first tenth, then a straight line down to 2 %."""
    warm = max(1, int(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return LAST + (1 - LAST) * (1 - _after(warm, step, steps))


def stairs(step: int, steps: int) -> float:
    """The highest rate for half of the steps, a tenth of it up to three quarters, then a hundredth."""
    return 1.0 if step < steps / 2 else 0.1 if step < 3 * steps / 4 else 0.01


def _after(warm: int, step: int, steps: int) -> float:
    """How far from the warm-up's end to the last step, 0 to 1."""
    return min((step - warm) / max(1, steps - warm), 1.0)


SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": constant,
    "cosine": cosine,
    "linear": linear,
    "step": stairs,
}

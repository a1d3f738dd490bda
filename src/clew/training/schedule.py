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
    share = (step - warm) / max(1, steps - warm)
    return LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


SCHEDULES: dict[str, Callable[[int, int], float]] = {"constant": constant, "cosine": cosine}

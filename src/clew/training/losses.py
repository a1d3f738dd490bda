"""The losses of an epoch's steps; on a GPU they are looked at now and then, so that it need not wait."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


class Losses:
    """Takes each step's loss and looks at them every so many steps; what was no number stays known."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.values: list[float] = []  # looked at
        self.broken: tuple[int, float] | None = None  # the first step whose loss was no number, and that loss
        self._waiting: list[tuple[int, Tensor]] = []

    def add(self, step: int, loss: Tensor) -> bool:
        """Takes the loss of a step; False when one of those looked at is no number."""
        self._waiting.append((step, loss))
        return self.look() if len(self._waiting) >= self.every else self.broken is None

    def look(self) -> bool:
        """Looks at all; False when one is no number."""
        if self._waiting:
            found = torch.stack([loss for _, loss in self._waiting]).tolist()
            bad = [(s, value) for (s, _), value in zip(self._waiting, found, strict=True) if not math.isfinite(value)]
            self.broken = self.broken or (bad[0] if bad else None)
            self.values += found
            self._waiting.clear()
        return self.broken is None

    def mean(self) -> float:
        """The mean of what was looked at."""
        return float(np.mean(self.values))

    def clear(self) -> None:
        """Begins another epoch."""
        self.values = []

"""A number of each seed that no picture was needed for, with its interval over seeds alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.training.intervals import Interval, quantile


@dataclass(frozen=True)
class BySeed:
    """A number of each of S seeds that no picture was needed for: values (S,), NaN where it is not defined."""

    seeds: tuple[int, ...]
    values: tuple[float, ...]

    def minus(self, other: BySeed) -> BySeed:
        """The difference, paired by seed, over the seeds that both have."""
        theirs = dict(zip(other.seeds, other.values, strict=True))
        pairs = [(s, v - theirs[s]) for s, v in zip(self.seeds, self.values, strict=True) if s in theirs]
        return BySeed(tuple(seed for seed, _ in pairs), tuple(value for _, value in pairs))

    def interval(self) -> Interval | None:
        """mean +- t_{S-1} sqrt(var / S), 5 % on each side, over the seeds where it is defined; None where none is.

        With one seed the limits are None. It tells how the seeds vary, not how pictures would.
        """
        known = np.array([value for value in self.values if math.isfinite(value)])
        if not len(known):
            return None
        mean, count = float(known.mean()), len(known)
        if count < 2:
            return Interval(mean, None, None, count)
        half = quantile(count - 1) * math.sqrt(float(known.var(ddof=1)) / count)
        return Interval(mean, mean - half, mean + half, count)

    def as_dict(self, least: float = -math.inf, most: float = math.inf) -> dict[str, Any] | None:
        """{"mean", "low", "high", "n", "seeds": {seed: value}} for JSON, the limits between `least` and `most`."""
        found = self.interval()
        if found is None:
            return None
        values = {str(s): v for s, v in zip(self.seeds, self.values, strict=True) if math.isfinite(v)}
        return {**_within(found, least, most).as_dict(), "seeds": values}


def _within(interval: Interval, least: float, most: float) -> Interval:
    if interval.low is None or interval.high is None:
        return interval
    return Interval(interval.mean, max(interval.low, least), min(interval.high, most), interval.n)

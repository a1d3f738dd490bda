"""The cluster bootstrap, and intervals that count both seeds and test clusters.

Pictures of one cluster (the same people, the same source) are not independent, so whole clusters are drawn
with replacement (Field & Welsh, "Bootstrapping clustered data", J. R. Stat. Soc. B 69, 2007); seeds are kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

from clew.base.errors import ClewError
from clew.training.metrics import Array, blocks

TAIL = 0.05  # left out on each side: the intervals hold 90 %


@dataclass(frozen=True)
class Interval:
    """A mean over n seeds with its 90 % interval; the limits are None where no spread can be known."""

    mean: float
    low: float | None
    high: float | None
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        """{"mean", "low", "high", "n"} for JSON."""
        return asdict(self)

    def within(self, least: float = 0.0) -> Interval:
        """Its limits kept where a share or an AUC can lie: between `least` (0; -1 for a difference) and 1."""
        if self.low is None or self.high is None:
            return self
        return replace(self, low=max(self.low, least), high=min(self.high, 1.0))


@dataclass(frozen=True)
class Spread:
    """Where the doubt about a mean comes from: b = var_s / S from the seeds, v from the test clusters.

    b is 0 for one seed, whose interval then tells of the test clusters alone; v is NaN where it is unknown.
    """

    b: float
    v: float
    seeds: int
    clusters: int

    def half_width(self, seeds: int | None = None) -> float | None:
        """sqrt(t_{S-1}^2 b + t_{C-1}^2 v), or what it would be with S = `seeds`; None where v is unknown."""
        if self.clusters < 2 or not math.isfinite(self.v):
            return None
        count = self.seeds if seeds is None else seeds
        by_seed = quantile(count - 1) ** 2 * self.b * self.seeds / count if count > 1 else 0.0
        return math.sqrt(by_seed + quantile(self.clusters - 1) ** 2 * self.v)


@lru_cache(maxsize=4096)
def quantile(degrees: int) -> float:
    """Student's t with `degrees` of freedom, exceeded in 5 % of cases."""
    return float(special.stdtrit(degrees, 1 - TAIL))


def spread(values: npt.ArrayLike, resampled_means: npt.ArrayLike, clusters: int) -> Spread:
    """The Spread of values by seed (S,) and the means over seeds of R bootstrap resamples (R,)."""
    by_seed = np.asarray(values, np.float64)
    b = float(np.var(by_seed, ddof=1)) / len(by_seed) if len(by_seed) > 1 else 0.0
    return Spread(b, float(np.var(np.asarray(resampled_means, np.float64), ddof=1)), len(by_seed), clusters)


def interval(values: npt.ArrayLike, resampled_means: npt.ArrayLike, clusters: int) -> Interval:
    """mean +- sqrt(t_{S-1}^2 b + t_{C-1}^2 v) of values by seed (S,), resampled means (R,), C clusters.

    With one cluster, or resampled means that are NaN, the limits are None.
    """
    by_seed = np.asarray(values, np.float64)
    mean, half = float(by_seed.mean()), spread(by_seed, resampled_means, clusters).half_width()
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return Interval(mean, low, high, len(by_seed))


@dataclass(frozen=True)
class Estimate:
    """A number measured for each of S seeds: values (S,), and under R resamples: resampled (R, S).

    Estimates made with the same resample weights may be subtracted and averaged: they stay paired.
    """

    seeds: tuple[int, ...]
    values: Array
    resampled: Array

    def minus(self, other: Estimate) -> Estimate | None:
        """The difference, paired by seed, over the seeds that both have; None when they share none."""
        pair = _common([self, other])
        if pair is None:
            return None
        return Estimate(pair[0].seeds, pair[0].values - pair[1].values, pair[0].resampled - pair[1].resampled)

    def only(self, seeds: Sequence[int]) -> Estimate:
        """The same for some of its seeds, in their order."""
        at = [self.seeds.index(seed) for seed in seeds]
        return Estimate(tuple(seeds), self.values[at], self.resampled[:, at])

    def spread(self, clusters: int) -> Spread:
        """Its Spread over seeds and C clusters."""
        return spread(self.values, self.resampled.mean(axis=1), clusters)

    def interval(self, clusters: int) -> Interval:
        """Its mean over seeds with the interval for C clusters."""
        return interval(self.values, self.resampled.mean(axis=1), clusters)


def average(estimates: Sequence[Estimate]) -> Estimate | None:
    """The mean of several estimates by seed, over the seeds that all have; None when they share none."""
    common = _common(estimates)
    if common is None:
        return None
    values = np.mean([one.values for one in common], axis=0)
    return Estimate(common[0].seeds, values, np.mean([one.resampled for one in common], axis=0))


def _common(estimates: Sequence[Estimate]) -> list[Estimate] | None:
    if not estimates:
        return None
    seeds = sorted(set(estimates[0].seeds).intersection(*(one.seeds for one in estimates)))
    return [one.only(seeds) for one in estimates] if seeds else None


def cluster_weights(labels: npt.ArrayLike, clusters: npt.ArrayLike, resamples: int, rng: np.random.Generator) -> Array:
    """How often each of N pictures is drawn in each of R resamples: (R, N), whole numbers as float64.

    Clusters (N,) are drawn with replacement, as many as there are, within strata: those that hold reals only,
    fakes only, and both; so no resample lacks a class. Stored by picture: a column is contiguous.
    """
    codes, strata = _strata(np.asarray(labels), np.asarray(clusters))
    counts = np.empty((sum(map(len, strata)), resamples))
    for stratum in strata:
        size = len(stratum)
        drawn = rng.integers(size, size=(size, resamples))
        drawn = drawn * resamples + np.arange(resamples)
        counts[stratum] = np.bincount(drawn.ravel(), minlength=size * resamples).reshape(size, resamples)
    return counts[codes].T


def weight_blocks(
    labels: npt.ArrayLike, clusters: npt.ArrayLike, resamples: int, rng: np.random.Generator
) -> Iterator[Array]:
    """`cluster_weights` of R resamples in blocks of some rows: memory does not grow with R times N."""
    for part in blocks(resamples, np.size(labels)):
        yield cluster_weights(labels, clusters, part.stop - part.start, rng)


def can_resample(labels: npt.ArrayLike, clusters: npt.ArrayLike) -> bool:
    """Whether each class lies in two clusters or more; else the bootstrap cannot see how it varies."""
    truth, names = np.asarray(labels), np.asarray(clusters)
    return all(len(np.unique(names[truth == label])) > 1 for label in (0, 1))


def _strata(labels: Array, clusters: Array) -> tuple[Array, list[Array]]:
    """Each picture's cluster as a number (N,), and the clusters of each stratum that is not empty."""
    if labels.shape != clusters.shape or not labels.size:
        raise ClewError(f"expected a cluster for each label; found shapes {labels.shape} and {clusters.shape}.")
    names, codes = np.unique(clusters, return_inverse=True)
    reals = np.bincount(codes, labels == 0, len(names)) > 0
    fakes = np.bincount(codes, labels == 1, len(names)) > 0
    strata = [np.flatnonzero(kind) for kind in (reals & ~fakes, fakes & ~reals, reals & fakes)]
    return codes, [stratum for stratum in strata if len(stratum)]

"""Figures: means over pictures and seeds of per-picture numbers that not every picture has, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.tickets.evaluation.bench import Bench, resampled_estimate
from clew.tickets.verdict import MINIMUM_CLUSTERS, MINIMUM_SEEDS
from clew.training.intervals import Estimate
from clew.training.metrics import Array

Values = NDArray[np.float64]
Figure = dict[str, Any]
ANYWHERE = (-math.inf, math.inf)


def figure(bench: Bench, values: Values, limits: tuple[float, float] = ANYWHERE) -> Figure | None:
    """The mean over pictures of values (S, N) by seed, NaN where there is none, as an interval for JSON.

    {"mean", "low", "high", "n" (seeds), "pictures" (those with a value for any seed), "clusters" (of these)}: the
    two-way scheme of every table, over seeds and the clusters of these pictures; within a seed the mean is over its own
    values. Ends are kept within `limits`, where such a number can lie. None where no picture has a value.
    """
    seeds = np.flatnonzero(np.isfinite(values).any(axis=1))
    if not len(seeds):
        return None
    few, estimate = _estimated(bench, tuple(bench.seeds[at] for at in seeds), values[seeds])
    return _told(few, estimate, limits)


def claimed(found: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """The interval of a figure that may carry a claim; None of one on fewer than 3 seeds or 40 clusters."""
    if found is None or found["low"] is None or found["high"] is None:
        return None
    enough = found["n"] >= MINIMUM_SEEDS and found["clusters"] >= MINIMUM_CLUSTERS
    return (found["low"], found["high"]) if enough else None


def figure_of_pairs(
    bench: Bench, values: Values, pairs: Sequence[tuple[int, int]], limits: tuple[float, float] = ANYWHERE
) -> Figure | None:
    """The mean over pairs of S seeds of values (P, N), a row for each of `pairs`, as `figure` tells it.

    Pairs share seeds, so that their spread is no measure of what other seeds would give: the spread over seeds is that
    of the jackknife's pseudo-values, S times the mean over all pairs less S - 1 times the mean over those without a
    seed (Arvesen, Ann. Math. Stat. 40, 1969). A single pair counts as one (n = 1). Seeds without any value are left
    out; None where a pair of the others has none.
    """
    known = np.asarray(np.isfinite(values).any(axis=1))
    seeds = sorted({seed for pair, some in zip(pairs, known, strict=True) if some for seed in pair})
    kept = [at for at, pair in enumerate(pairs) if set(pair) <= set(seeds)]
    if not kept or not known[kept].all():
        return None
    few, estimate = _estimated(bench, tuple(range(len(kept))), values[kept])
    return _told(few, _by_seed(estimate, [pairs[at] for at in kept], seeds), limits)


def _by_seed(estimate: Estimate, pairs: Sequence[tuple[int, int]], seeds: Sequence[int]) -> Estimate:
    """The jackknife's pseudo-values by seed of an estimate by pair: of the same mean; a single pair stays."""
    count = len(seeds)
    if count < 3:
        return estimate
    inside = np.array([[seed in pair for pair in pairs] for seed in seeds], np.float64)  # (S, P)
    turn = (2 * inside - 2 / (count - 1)) / (count - 2)
    return Estimate(tuple(seeds), turn @ estimate.values, estimate.resampled @ turn.T)


def _estimated(bench: Bench, rows: tuple[int, ...], values: Values) -> tuple[Bench, Estimate]:
    """The estimate of values (M, N), each of the M `rows` with a value, and the bench of the pictures that have any."""
    known = np.isfinite(values)
    few = replace(bench.only(np.asarray(known.any(axis=0))), seeds=rows)
    kept = known[:, known.any(axis=0)]
    filled = np.where(known, values, 0.0)[:, known.any(axis=0)]
    found = resampled_estimate(few, filled.sum(1) / kept.sum(1), lambda weights: _means(weights, filled, kept))
    return few, _defined(found)


def _told(few: Bench, estimate: Estimate, limits: tuple[float, float]) -> Figure:
    found = estimate.interval(few.counted)
    ends = [None if end is None else float(np.clip(end, *limits)) for end in (found.low, found.high)]
    counts = {"n": found.n, "pictures": len(few.labels), "clusters": few.counted}
    return {"mean": found.mean, "low": ends[0], "high": ends[1], **counts}


def _means(weights: Array, filled: Values, kept: NDArray[np.bool_]) -> Values:
    """The means (r, S) of the values kept under weights (r, N); NaN where a resample holds none of them."""
    counts = weights @ kept.T.astype(np.float64)
    return np.divide(weights @ filled.T, counts, out=np.full(counts.shape, np.nan), where=counts > 0)


def _defined(estimate: Estimate) -> Estimate:
    """Without the resamples in which a mean is not defined, unless too few are left to tell a spread."""
    rows = np.isfinite(estimate.resampled).all(axis=1)
    return replace(estimate, resampled=estimate.resampled[rows]) if rows.sum() > 1 else estimate


def rows_of(bench: Bench, positions: NDArray[np.int64]) -> Bench:
    """The bench of some of its pictures, in their order."""
    columns = (bench.clusters[positions], bench.forgery[positions], bench.compression[positions])
    return Bench(bench.labels[positions], bench.prob[:, positions], *columns, bench.seeds, bench.resamples)

"""Figures: means over pictures and seeds of per-picture numbers that not every picture has, with their intervals."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.tickets.evaluation.bench import Bench, resampled_estimate
from clew.training.intervals import Estimate
from clew.training.metrics import Array

Values = NDArray[np.float64]
Figure = dict[str, Any]
ANYWHERE = (-math.inf, math.inf)


def figure(bench: Bench, values: Values, limits: tuple[float, float] = ANYWHERE) -> Figure | None:
    """The mean over pictures of values (S, N) by seed, NaN where there is none, as an interval for JSON.

    {"mean", "low", "high", "n" (seeds), "pictures" (those with a value for any seed)}: the two-way scheme of every
    table, over seeds and the clusters of these pictures; within a seed the mean is over its own values. Ends are kept
    within `limits`, where such a number can lie. None where no picture has a value.
    """
    known = np.isfinite(values)
    seeds, rows = np.flatnonzero(known.any(axis=1)), np.asarray(known.any(axis=0))
    if not len(seeds):
        return None
    few = replace(bench.only(rows), seeds=tuple(bench.seeds[at] for at in seeds))
    kept, filled = known[seeds][:, rows], np.where(known, values, 0.0)[seeds][:, rows]
    estimate = resampled_estimate(few, filled.sum(1) / kept.sum(1), lambda weights: _means(weights, filled, kept))
    found = _defined(estimate).interval(few.counted)
    ends = [None if end is None else float(np.clip(end, *limits)) for end in (found.low, found.high)]
    return {"mean": found.mean, "low": ends[0], "high": ends[1], "n": found.n, "pictures": int(rows.sum())}


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

"""Precision, recall and F1 of each class over several runs, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clew.training.class_intervals import Figure, counted_clusters
from clew.training.intervals import Estimate, weight_blocks
from clew.training.metrics import Array

RATES = ("precision", "recall", "f1")


def class_rates(
    targets: Array, by_seed: Mapping[int, Array], clusters: Array, resamples: int, seed: int
) -> list[dict[str, Figure | None]]:
    """RATES of each of K classes: targets (V,), -1 left out, the probabilities (V, K) of each seed, clusters (V,).

    A rate that is undefined for a seed is None: precision of a class never told, recall of one never there. `seed`
    draws the resamples that `class_figures` draws with a generator of the same seed.
    """
    known = targets >= 0
    truth, names = targets[known], clusters[known]
    seeds, classes = tuple(sorted(by_seed)), next(iter(by_seed.values())).shape[1]
    told = [by_seed[number][known].argmax(axis=1) for number in seeds]
    values = _rates(_confusions(truth, told, classes, np.ones((1, len(truth)))))
    blocks = weight_blocks((truth > 0).astype(int), names, resamples, np.random.default_rng(seed))
    parts = [_rates(_confusions(truth, told, classes, weights)) for weights in blocks]
    again = {name: np.concatenate([part[name] for part in parts]) for name in RATES}  # (R, S, K)
    counted = [counted_clusters(truth == k, names) for k in range(classes)]
    return [
        {name: _figure(seeds, values[name][0, :, k], again[name][:, :, k], counted[k]) for name in RATES}
        for k in range(classes)
    ]


def class_recalls(
    targets: Array, by_run: Mapping[int, Array], clusters: Array, resamples: int, seed: int
) -> tuple[Figure | None, ...]:
    """Recall of each of K classes for many runs at once, as `class_rates` finds it; None for one never there."""
    known = targets >= 0
    truth, names = targets[known], clusters[known]
    runs, classes = tuple(by_run), next(iter(by_run.values())).shape[1]
    there = np.eye(classes)[truth]  # (V, K)
    right = np.stack([there * (by_run[run][known].argmax(axis=1) == truth)[:, None] for run in runs], axis=1)
    values = _share(right.sum(axis=0), there.sum(axis=0))  # (M, K)
    blocks = weight_blocks((truth > 0).astype(int), names, resamples, np.random.default_rng(seed))
    again = np.concatenate([_recalls(right, there, weights) for weights in blocks])
    counted = [counted_clusters(truth == k, names) for k in range(classes)]
    return tuple(_figure(runs, values[:, k], again[:, :, k], counted[k]) for k in range(classes))


def _recalls(right: Array, there: Array, weights: Array) -> Array:
    """Recall (R, M, K) of what was told rightly (V, M, K) of what is there (V, K), under weights (R, V)."""
    rows, runs, classes = right.shape
    found = (weights @ right.reshape(rows, -1)).reshape(-1, runs, classes)
    return _share(found, (weights @ there)[:, None, :])


def _figure(seeds: tuple[int, ...], values: Array, again: Array, clusters: int) -> Figure | None:
    return None if np.isnan(values).any() else Figure(Estimate(seeds, values, again), clusters)


def _confusions(truth: Array, told: list[Array], classes: int, weights: Array) -> Array:
    """Confusion matrices of S runs under weights (R, V): (R, S, K, K), rows the truth."""
    pairs = np.eye(classes**2)
    found = [weights @ pairs[truth * classes + one] for one in told]
    return np.stack(found, axis=1).reshape(len(weights), len(told), classes, classes)


def _rates(confusions: Array) -> dict[str, Array]:
    """RATES (R, S, K) of confusion matrices (R, S, K, K); NaN where nothing is there to take a share of."""
    right = np.diagonal(confusions, axis1=-2, axis2=-1)
    called, there = confusions.sum(axis=-2), confusions.sum(axis=-1)
    return {
        "precision": _share(right, called),
        "recall": _share(right, there),
        "f1": _share(2 * right, called + there),
    }


def _share(part: Array, whole: Array) -> Array:
    wide = np.broadcast_to(whole, part.shape)
    return np.divide(part, wide, out=np.full(part.shape, np.nan), where=wide > 0)

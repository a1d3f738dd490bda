"""Measures for several classes with their intervals, for one network or over several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clew.base.errors import ClewError
from clew.training.class_metrics import (
    checked_classes,
    mean_of_defined,
    resampled_accuracy,
    resampled_class_auc,
)
from clew.training.intervals import Estimate, Interval, interval, weight_blocks
from clew.training.metrics import Array


@dataclass(frozen=True)
class Figure:
    """A measure of S seeds, and how many clusters its interval counts: 0 where the spread over them is unknown."""

    estimate: Estimate
    clusters: int

    def interval(self) -> Interval:
        """The mean over seeds with its 90 % interval, over the resamples in which the measure is defined."""
        resampled = self.estimate.resampled.mean(axis=1)
        defined = resampled[~np.isnan(resampled)]
        enough = self.clusters if len(defined) > 1 else 0
        return interval(self.estimate.values, defined if enough else [np.nan, np.nan], enough)


@dataclass(frozen=True)
class ClassFigures:
    """Macro AUC, accuracy and each class's AUC by seed; None for an AUC that is undefined."""

    macro_auc: Figure | None
    accuracy: Figure
    classes: tuple[Figure | None, ...]

    def as_dict(self, names: Sequence[str], least: float = 0.0) -> dict[str, Any]:
        """{"macro_auc", "accuracy", "classes": [{"name", "auc"}]}, an interval each, for JSON.

        Limits are kept between `least` (0; -1 for differences) and 1.
        """
        if len(names) != len(self.classes):
            raise ClewError(f"expected a name for each of {len(self.classes)} classes; found {len(names)}.")
        by_class = zip(names, self.classes, strict=True)
        return {
            "macro_auc": _told(self.macro_auc, least),
            "accuracy": _told(self.accuracy, least),
            "classes": [{"name": name, "auc": _told(figure, least)} for name, figure in by_class],
        }


def class_intervals(
    targets: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    clusters: npt.ArrayLike,
    names: Sequence[str],
    resamples: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """The 90 % cluster bootstrap intervals of one network, for JSON: see `ClassFigures.as_dict`."""
    return class_figures(targets, {0: probabilities}, clusters, resamples, rng).as_dict(names)


def class_figures(
    targets: npt.ArrayLike,
    by_seed: Mapping[int, npt.ArrayLike],
    clusters: npt.ArrayLike,
    resamples: int,
    rng: np.random.Generator,
) -> ClassFigures:
    """Figures of targets (V,), clusters (V,) and the probabilities (V, K) of each seed, under the same R resamples.

    Clusters are drawn as in `cluster_weights`, reals against fakes of all methods; rows of an unknown class (-1) are
    left out first. A resample may miss a class: its AUC is NaN there, and the macro AUC is the mean of the others.
    Equal generators on equal rows give paired estimates. Raises ClewError when no row is of a known class.
    """
    seeds = tuple(sorted(by_seed))
    truth, names, runs = _known_rows(targets, clusters, [by_seed[seed] for seed in seeds])
    everything = np.ones((1, len(truth)))
    aucs, accuracy = _measure(truth, runs, everything)
    parts = [_measure(truth, runs, w) for w in weight_blocks((truth > 0).astype(int), names, resamples, rng)]
    again_aucs, again_accuracy = (np.concatenate(part) for part in zip(*parts, strict=True))
    counted = [counted_clusters(truth == k, names) for k in range(aucs.shape[2])]
    there = ~np.isnan(aucs[0, 0])
    classes = tuple(
        Figure(Estimate(seeds, aucs[0, :, k], again_aucs[:, :, k]), counted[k]) if there[k] else None
        for k in range(len(there))
    )
    macro = Estimate(seeds, mean_of_defined(aucs[0]), mean_of_defined(again_aucs))
    least = min((count for count, here in zip(counted, there, strict=True) if here), default=0)
    return ClassFigures(
        Figure(macro, least) if there.any() else None,
        Figure(Estimate(seeds, accuracy[0], again_accuracy), counted_clusters(truth > 0, names)),
        classes,
    )


def counted_clusters(member: Array, clusters: Array) -> int:
    """How many clusters an interval counts, `member` (V,) against the rest: at most twice those of the rarer side.

    0 where a side lies in a single cluster, so that the bootstrap cannot see how it varies.
    """
    least = min(len(np.unique(clusters[member == side])) for side in np.unique(member))
    return 0 if least < 2 else min(len(np.unique(clusters)), 2 * least)


def _known_rows(
    targets: npt.ArrayLike, clusters: npt.ArrayLike, runs: Sequence[npt.ArrayLike]
) -> tuple[Array, Array, list[Array]]:
    """Targets, clusters and the probabilities of each run, without the rows of an unknown class."""
    if not runs:
        raise ClewError("expected the probabilities of one seed or more; found none.")
    checked = [checked_classes(targets, run) for run in runs]
    truth, names = checked[0][0], np.asarray(clusters)
    if names.shape != truth.shape or len({values.shape for _, values in checked}) > 1:
        raise ClewError(f"expected a cluster for each of {len(truth)} targets, and as many classes for every seed.")
    known = truth >= 0
    if not known.any():
        raise ClewError("expected samples of classes known in training; found none.")
    return truth[known], names[known], [values[known] for _, values in checked]


def _measure(truth: Array, runs: Sequence[Array], weights: Array) -> tuple[Array, Array]:
    """AUC of each class (R, S, K) and accuracy (R, S) of S runs under weights (R, V)."""
    aucs = [resampled_class_auc(truth, values, weights) for values in runs]
    return np.stack(aucs, axis=1), np.stack([resampled_accuracy(truth, values, weights) for values in runs], axis=1)


def _told(figure: Figure | None, least: float) -> dict[str, float | int | None] | None:
    return None if figure is None else figure.interval().within(least).as_dict()

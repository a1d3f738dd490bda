"""How well scores tell fakes (label 1) from reals (label 0): once, or under many resample weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clew.base.errors import ClewError

Array = npt.NDArray[Any]
BLOCK = 2**18  # weights worked on at once: 2 MB of float64, about what a core's cache holds


def auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Area under the ROC curve of labels (N,) and scores (N,), ties counted half; raises ClewError."""
    from sklearn.metrics import roc_auc_score  # a second to import

    return float(roc_auc_score(*_checked(labels, scores)))


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Sum of precision times the step in recall, fakes being what is sought; raises ClewError."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(*_checked(labels, scores)))


def accuracy(labels: npt.ArrayLike, prob: npt.ArrayLike, threshold: float = 0.5) -> float:
    """Share told rightly, a probability of at least `threshold` meaning fake; one class will do."""
    fake, values = _checked(labels, prob, both=False)
    return float(np.mean((values >= threshold) == fake))


def eer(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Equal error rate: where reals called fake (FPR) = fakes called real, on the ROC joined by lines."""
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(*_checked(labels, scores))
    return float(_crossing(fpr[:, None], tpr[:, None])[0])


@dataclass(frozen=True)
class PerVideo:
    """One row per video, and per picture without one: labels (V,), scores (V,) or (M, V), clusters (V,)."""

    labels: Array
    scores: Array
    clusters: Array


def per_video(labels: npt.ArrayLike, scores: npt.ArrayLike, videos: Sequence[str], clusters: Sequence[str]) -> PerVideo:
    """Mean fake probability per video.

    `scores` is (N,) or (M, N) for M nets; `videos` (N,) names each video by its whole identity (a name such
    as `000_003` that several forgery methods share is not one), or is the empty string for a lone picture.
    Rows come in the order of each video's first picture. Raises ClewError when a video has two labels or two
    clusters.
    """
    values, truth, names = np.asarray(scores, np.float64), np.asarray(labels), np.asarray(clusters)
    groups, first = _groups(np.asarray(videos, dtype=np.str_))
    for kind, column in (("label", truth), ("cluster", names)):
        odd = np.flatnonzero(column[first][groups] != column)
        if len(odd):
            raise ClewError(
                f"the pictures of video '{videos[odd[0]]}' have more than one {kind}; expected one. "
                "Name each video by its whole identity (folder, forgery method, compression and name)."
            )
    counts = np.bincount(groups)
    sums = [np.bincount(groups, weights=row) for row in np.atleast_2d(values)]
    means = np.stack(sums) / counts
    return PerVideo(truth[first], means.reshape(*values.shape[:-1], len(first)), names[first])


def _groups(videos: Array) -> tuple[Array, Array]:
    """For each of N pictures its group (N,), and each group's first picture (V,), by first appearance."""
    alone = videos == ""
    _, codes = np.unique(videos, return_inverse=True)
    codes[alone] = len(videos) + np.arange(np.count_nonzero(alone))
    _, first, groups = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return place[groups], first[order]


@dataclass(frozen=True)
class Ranking:
    """What one sort of the scores tells about AUC under any weights.

    `reals` and `fakes` are the pictures of each class by rising score; for each fake, `below` counts the
    reals with a lower score and `upto` those with one no higher.
    """

    reals: Array
    fakes: Array
    below: Array
    upto: Array

    def auc(self, weights: Array) -> Array:
        """AUC under each row of weights (R, N) -> (R,)."""
        return _blockwise(self._auc_block, weights)

    def _auc_block(self, weights: Array) -> Array:
        lower = np.zeros((len(self.reals) + 1, weights.shape[1]))
        np.cumsum(weights[self.reals], axis=0, out=lower[1:])
        fakes = weights[self.fakes]
        beaten = lower[self.below]
        if not np.array_equal(self.below, self.upto):
            beaten = (beaten + lower[self.upto]) / 2
        return np.einsum("nr,nr->r", fakes, beaten) / (lower[-1] * fakes.sum(axis=0))


def rank(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Ranking:
    """Sorts scores (N,) once, for AUC under many weights; raises ClewError as `auc` does."""
    fake, values = _checked(labels, scores)
    order = np.argsort(values, kind="stable")
    reals, fakes = order[~fake[order]], order[fake[order]]
    sides = [np.searchsorted(values[reals], values[fakes], side=side) for side in ("left", "right")]
    return Ranking(reals, fakes, *sides)


def weighted_auc(labels: npt.ArrayLike, scores: npt.ArrayLike, weights: Array) -> Array:
    """AUC under each of R resample weights (R, N) -> (R,): a weight of 2 is a picture seen twice."""
    return rank(labels, scores).auc(weights)


def weighted_accuracy(labels: npt.ArrayLike, prob: npt.ArrayLike, weights: Array, threshold: float = 0.5) -> Array:
    """Accuracy under each of R resample weights (R, N) -> (R,)."""
    fake, values = _checked(labels, prob, both=False)
    right = ((values >= threshold) == fake).astype(np.float64)
    return _blockwise(lambda block: right @ block / block.sum(axis=0), weights)


def weighted_eer(labels: npt.ArrayLike, scores: npt.ArrayLike, weights: Array) -> Array:
    """Equal error rate under each of R resample weights (R, N) -> (R,)."""

    def block_eer(hits: Array, alarms: Array) -> Array:
        start = np.zeros((1, hits.shape[1]))
        fpr, tpr = (np.concatenate([start, counts / counts[-1]]) for counts in (alarms, hits))
        return _crossing(fpr, tpr)

    return _over_thresholds(block_eer, labels, scores, weights)


def weighted_average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike, weights: Array) -> Array:
    """Average precision under each of R resample weights (R, N) -> (R,)."""

    def block_precision(hits: Array, alarms: Array) -> Array:
        called = hits + alarms
        precision = np.divide(hits, called, out=np.zeros_like(called), where=called > 0)
        return np.einsum("tr,tr->r", np.diff(hits, axis=0, prepend=0.0), precision) / hits[-1]

    return _over_thresholds(block_precision, labels, scores, weights)


def _over_thresholds(
    measure: Callable[[Array, Array], Array], labels: npt.ArrayLike, scores: npt.ArrayLike, weights: Array
) -> Array:
    """`measure` of the weights (T, R) of fakes and of reals at or above each score, highest score first."""
    fake, values = _checked(labels, scores)
    order = np.argsort(-values, kind="stable")
    last = np.flatnonzero(np.diff(values[order], append=np.inf))
    truth = fake[order][:, None]

    def block_measure(block: Array) -> Array:
        ranked = block[order]
        hits = np.cumsum(np.where(truth, ranked, 0.0), axis=0)[last]
        return measure(hits, np.cumsum(ranked, axis=0)[last] - hits)

    return _blockwise(block_measure, weights)


def _crossing(fpr: Array, tpr: Array) -> Array:
    """Where FPR = 1 - TPR on curves (T, R) from (0, 0) to (1, 1), joined by straight lines -> (R,)."""
    gap = fpr + tpr - 1
    right = np.argmax(gap >= 0, axis=0)
    column = np.arange(gap.shape[1])
    before, after = gap[right - 1, column], gap[right, column]
    start, end = fpr[right - 1, column], fpr[right, column]
    return start + (end - start) * before / (before - after)


def _blockwise(measure: Callable[[Array], Array], weights: Array) -> Array:
    """`measure` of (N, r) blocks of weights (R, N), joined to (R,): memory stays bounded whatever R is."""
    resamples, samples = weights.shape
    parts = [measure(np.asarray(weights[part].T, np.float64)) for part in blocks(resamples, samples)]
    return np.concatenate(parts)


def blocks(resamples: int, samples: int) -> Iterator[slice]:
    """Slices that cut R resamples of N samples into blocks of about BLOCK weights."""
    step = max(1, BLOCK // max(1, samples))
    return (slice(start, min(start + step, resamples)) for start in range(0, resamples, step))


def _checked(labels: npt.ArrayLike, scores: npt.ArrayLike, both: bool = True) -> tuple[Array, Array]:
    """Labels as bool (True = fake) and scores as float64, or ClewError; `both`: no class may be missing."""
    truth, values = np.asarray(labels), np.asarray(scores, np.float64)
    if truth.ndim != 1 or truth.shape != values.shape or not truth.size:
        raise ClewError(f"expected labels, and one for each score; found shapes {truth.shape} and {values.shape}.")
    if not np.isin(truth, (0, 1)).all():
        raise ClewError("expected labels 0 (real) and 1 (fake); found others.")
    for name, label in (("real", 0), ("fake", 1)):
        if both and not (truth == label).any():
            raise ClewError(f"expected reals and fakes; found no {name} among {len(truth)}. Score both classes.")
    broken = np.count_nonzero(~np.isfinite(values))
    if broken:
        raise ClewError(f"expected finite scores; found {broken} of {len(values)} that are NaN or infinite.")
    return truth == 1, values

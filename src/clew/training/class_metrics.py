"""How well a network tells manipulation methods apart: class 0 real, 1 to K - 1 a method each.

A target of -1 is a method that the network never learnt: its pictures are counted, and left out of every measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from clew.base.errors import ClewError
from clew.training.metrics import Array, Ranking, auc, per_video, rank


def class_probabilities(logits: npt.ArrayLike) -> Array:
    """Softmax of logits (N, K) -> (N, K) float64, stable; raises ClewError on other shapes, NaN and infinity."""
    wide = np.asarray(logits, np.float64)
    if wide.ndim != 2 or wide.shape[1] < 2:
        raise ClewError(f"expected logits of shape (N, K), K at least 2; found {wide.shape}.")
    broken = np.count_nonzero(~np.isfinite(wide).all(axis=1))
    if broken:
        raise ClewError(f"expected finite logits; found {broken} of {len(wide)} rows that are NaN or infinite.")
    return np.asarray(softmax(wide, axis=1))


def per_video_probabilities(
    probabilities: npt.ArrayLike, targets: npt.ArrayLike, videos: Sequence[str], clusters: Sequence[str]
) -> tuple[Array, Array, Array]:
    """Mean over each video's pictures: probabilities (N, K) -> ((V, K), targets (V,), clusters (V,)).

    `videos` (N,) names each by its whole identity, or is the empty string for a lone picture, as for
    `metrics.per_video`. Raises ClewError when a video has two targets or two clusters.
    """
    truth, values = checked_classes(targets, probabilities)
    found = per_video(truth, values.T, videos, clusters)
    return found.scores.T, found.labels, found.clusters


def class_auc(targets: npt.ArrayLike, probabilities: npt.ArrayLike) -> Array:
    """AUC of each class against all others: (K,), NaN for a class that is absent or is all there is."""
    truth, values = checked_classes(targets, probabilities)
    truth, values = truth[truth >= 0], values[truth >= 0]
    members = [truth == k for k in range(values.shape[1])]
    return np.array([auc(m, values[:, k]) if _mixed(m) else np.nan for k, m in enumerate(members)])


def macro_auc(targets: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Mean one-vs-rest AUC of the classes that are there; raises ClewError when there are fewer than two.

    The classes left out for want of samples are named by `class_report` as "absent".
    """
    found = class_auc(targets, probabilities)
    if np.isnan(found).all():
        raise ClewError("expected samples of two classes or more; found fewer. Score a split that holds them.")
    return float(np.nanmean(found))


def class_report(targets: npt.ArrayLike, probabilities: npt.ArrayLike, names: Sequence[str]) -> dict[str, Any]:
    """All measures of targets (V,) and probabilities (V, K), for JSON: None where one is undefined.

    A sample is told as the class of highest probability, the first of equals. Precision is undefined for a class
    never told, recall for one never there. Balanced accuracy and macro F1 are means over the classes that are there.
    `confusion`: rows the truth, columns what was told. `absent`: the names of classes without a sample;
    `unknown`: how many targets are -1.
    """
    truth, values = checked_classes(targets, probabilities)
    if len(names) != values.shape[1]:
        raise ClewError(f"expected a name for each of {values.shape[1]} classes; found {len(names)}.")
    known = truth >= 0
    told = _confusion(truth[known], values[known].argmax(axis=1), len(names))
    aucs, counts = class_auc(truth, values), told.sum(axis=1)
    precision, recall, f1 = _rates(told)
    here = counts > 0
    columns = zip(names, counts, aucs, precision, recall, f1, strict=True)
    return {
        "macro_auc": _mean(aucs),
        "accuracy": _plain(_ratio(np.trace(told), told.sum())),
        "balanced_accuracy": _mean(recall[here]),
        "macro_f1": _mean(f1[here]),
        "classes": [{"name": name, "count": int(count), **_plain_rates(rates)} for name, count, *rates in columns],
        "confusion": told.tolist(),
        "names": list(names),
        "absent": [name for name, there in zip(names, here, strict=True) if not there],
        "unknown": int(np.count_nonzero(~known)),
    }


def resampled_class_auc(targets: npt.ArrayLike, probabilities: npt.ArrayLike, weights: Array) -> Array:
    """AUC of each class under each of R resample weights (R, V) -> (R, K).

    NaN where a class, or all others, are absent or drawn by no weight.
    """
    truth, values = checked_classes(targets, probabilities)
    _check_weights(weights, truth)
    found = np.full((len(weights), values.shape[1]), np.nan)
    with np.errstate(invalid="ignore"):  # 0 / 0 where nothing of a class was drawn
        for k in range(values.shape[1]):
            ranking = _rank_class(truth, values, k)
            if ranking is not None:
                found[:, k] = ranking.auc(weights)
    return found


def resampled_macro_auc(targets: npt.ArrayLike, probabilities: npt.ArrayLike, weights: Array) -> Array:
    """Macro AUC under each of R resample weights (R, V) -> (R,).

    A class that a resample did not draw is left out of that resample's mean; NaN when no class is left.
    """
    return mean_of_defined(resampled_class_auc(targets, probabilities, weights))


def resampled_accuracy(targets: npt.ArrayLike, probabilities: npt.ArrayLike, weights: Array) -> Array:
    """Accuracy over the known classes under each of R resample weights (R, V) -> (R,); NaN where none was drawn."""
    truth, values = checked_classes(targets, probabilities)
    _check_weights(weights, truth)
    right, known = (truth == values.argmax(axis=1)).astype(np.float64), (truth >= 0).astype(np.float64)
    return _ratio(weights @ right, weights @ known)


def mean_of_defined(values: Array) -> Array:
    """Mean over the last axis of what is not NaN; NaN where nothing is left."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


def checked_classes(targets: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[Array, Array]:
    """Targets (N,) as int64 from -1 to K - 1 and probabilities (N, K) as float64, or ClewError."""
    truth, values = np.asarray(targets), np.asarray(probabilities, np.float64)
    if values.ndim != 2 or values.shape[1] < 2 or truth.shape != values.shape[:1] or not truth.size:
        raise ClewError(f"expected a target for each row of (N, K) values; found {truth.shape} and {values.shape}.")
    classes = values.shape[1]
    if not np.isin(truth, np.arange(-1, classes)).all():
        raise ClewError(f"expected targets 0 to {classes - 1}, or -1 for an unknown class; found others.")
    if not np.isfinite(values).all():
        raise ClewError("expected finite values for every class; found some that are NaN or infinite.")
    return truth.astype(np.int64), values


def _rank_class(truth: Array, values: Array, k: int) -> Ranking | None:
    """The ranking of class k against the other known ones, in places among all N samples."""
    known = np.flatnonzero(truth >= 0)
    member = truth[known] == k
    if not _mixed(member):
        return None
    found = rank(member, values[known, k])
    return replace(found, reals=known[found.reals], fakes=known[found.fakes])


def _mixed(member: Array) -> bool:
    return bool(member.any() and not member.all())


def _confusion(truth: Array, told: Array, classes: int) -> Array:
    """Counts (K, K), rows the truth; of no samples too, which scikit-learn refuses."""
    return np.bincount(truth * classes + told, minlength=classes**2).reshape(classes, classes)


def _rates(told: Array) -> tuple[Array, Array, Array]:
    """Precision, recall and F1 of each class (K,) of a confusion matrix (K, K)."""
    right, called, there = np.diag(told), told.sum(axis=0), told.sum(axis=1)
    return _ratio(right, called), _ratio(right, there), _ratio(2 * right, called + there)


def _ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> Array:
    """part / whole, NaN where the whole is nothing."""
    below = np.asarray(whole, np.float64)
    return np.divide(part, below, out=np.full(below.shape, np.nan), where=below != 0)


def _mean(values: Array) -> float | None:
    return _plain(mean_of_defined(values))


def _plain(value: npt.ArrayLike) -> float | None:
    """A number for JSON, None for NaN."""
    number = float(np.asarray(value))
    return None if np.isnan(number) else number


def _plain_rates(rates: Sequence[Any]) -> dict[str, float | None]:
    return {key: _plain(rate) for key, rate in zip(("auc", "precision", "recall", "f1"), rates, strict=True)}


def _check_weights(weights: Array, truth: Array) -> None:
    if weights.ndim != 2 or weights.shape[1] != len(truth):
        raise ClewError(f"expected resample weights of shape (R, {len(truth)}); found {weights.shape}.")

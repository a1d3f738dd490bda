"""Masks: which prunable weights live. numpy alone; a mask maps a tensor's name to a bool array of its shape."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError, unknown_name
from clew.base.hashing import stable_seed

Mask = dict[str, NDArray[np.bool_]]
Weights = Mapping[str, NDArray[np.floating]]

SCOPES = ("global", "local")


def full_mask(weights: Weights) -> Mask:
    """The mask of the dense net."""
    return {name: np.ones(w.shape, bool) for name, w in weights.items()}


def remaining(mask: Mask) -> int:
    """How many weights live."""
    return sum(int(kept.sum()) for kept in mask.values())


def prunable_count(mask: Mask) -> int:
    """How many weights there are."""
    return sum(kept.size for kept in mask.values())


def sparsity(mask: Mask) -> float:
    """Share of the prunable weights that are zero."""
    return 1 - remaining(mask) / prunable_count(mask)


def macs_sparsity(mask: Mask, uses: Mapping[str, int]) -> float:
    """Share of the multiply-adds that fall away: weights count as often as they are used (`uses`) per picture."""
    total = sum(uses[name] * kept.size for name, kept in mask.items())
    return 1 - sum(uses[name] * int(kept.sum()) for name, kept in mask.items()) / total


def is_nested(inner: Mask, outer: Mask) -> bool:
    """Whether every weight that lives in `inner` lives in `outer`."""
    return all(not np.any(inner[name] & ~outer[name]) for name in outer)


def prune(weights: Weights, mask: Mask, target: float, scope: str) -> Mask:
    """`prune_least` by magnitude (Han et al. 2015; Frankle & Carbin 2019)."""
    return prune_least({name: np.abs(values) for name, values in weights.items()}, mask, target, scope)


def prune_least(scores: Weights, mask: Mask, target: float, scope: str) -> Mask:
    """Removes the living weights of least score until `target` of all prunable weights are gone.

    `global`: one ranking over all tensors; `local`: one per tensor, each to the target. The total is exact to within
    half a weight; of equal scores the one that comes first (in the tensors' order, then C order) goes first. Dead
    weights stay dead. Raises ClewError for an unknown scope, scores that are not finite, or when the mask is sparser
    than the target already.
    """
    names = list(mask)
    gone = round(target * prunable_count(mask))
    if scope == "global":
        return _prune_together(scores, mask, names, gone)
    if scope == "local":
        dead = [int((~mask[name]).sum()) for name in names]
        counts = _share([mask[name].size for name in names], dead, target, gone)
        parts = (_prune_together(scores, mask, [n], c) for n, c in zip(names, counts, strict=True))
        return {name: kept for part in parts for name, kept in part.items()}
    raise unknown_name("scope", scope, SCOPES)


def _prune_together(scores: Weights, mask: Mask, names: list[str], gone: int) -> Mask:
    alive = np.concatenate([mask[name].reshape(-1) for name in names])
    size = np.concatenate([scores[name].reshape(-1) for name in names])
    if not np.isfinite(size[alive]).all():
        raise ClewError("the weights' scores are not all finite: there is no telling which to remove.")
    more = gone - int((~alive).sum())
    if more < 0:
        raise ClewError(f"the mask has {-more} weights fewer than the target asks for: levels must rise.")
    order = np.flatnonzero(alive)
    order = order[np.argsort(size[order], kind="stable")]
    alive[order[:more]] = False
    pieces = np.split(alive, np.cumsum([mask[name].size for name in names])[:-1])
    return {name: piece.reshape(mask[name].shape) for name, piece in zip(names, pieces, strict=True)}


def _share(sizes: list[int], least: list[int], target: float, total: int) -> list[int]:
    """Whole numbers near target * size, none below its `least`, that add up to `total` (largest remainders)."""
    exact = [target * size for size in sizes]
    counts = [max(int(value), low) for value, low in zip(exact, least, strict=True)]
    order = sorted(range(len(sizes)), key=lambda i: (counts[i] - exact[i], i))
    missing = total - sum(counts)
    for i in order[: max(0, missing)]:
        counts[i] += 1
    reducible = [i for i in reversed(order) if counts[i] > least[i]]
    for i in reducible[: max(0, -missing)]:
        counts[i] -= 1
    return counts


def random_mask(like: Mask, seed: int) -> Mask:
    """A mask with the layer densities of `like` and the places drawn by lot.

    The lots of a seed are drawn once, so that the masks for rising sparsities nest as those they control.
    """
    drawn = {}
    for name, kept in like.items():
        ranks = np.random.default_rng(stable_seed("random mask", seed, name)).permutation(kept.size)
        drawn[name] = (ranks < int(kept.sum())).reshape(kept.shape)
    return drawn


def shuffled_mask(like: Mask, seed: int) -> Mask:
    """`like` with the places of each tensor shuffled: every tensor keeps its density, each mask has its own lots."""
    drawn = {}
    for name, kept in like.items():
        order = np.random.default_rng(stable_seed("shuffled mask", seed, remaining(like), name)).permutation(kept.size)
        drawn[name] = kept.reshape(-1)[order].reshape(kept.shape)
    return drawn


def layer_counts(mask: Mask) -> dict[str, list[int]]:
    """Per tensor: how many weights live, and how many there are."""
    return {name: [int(kept.sum()), int(kept.size)] for name, kept in mask.items()}

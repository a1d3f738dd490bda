"""Are a network's clues non-overlapping, and do they stay so as weights go? Its blocks compared, for every level."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clew.base.errors import ClewError
from clew.explain.by_seed import BySeed
from clew.explain.clues import BY_CHANCE, Clues, pairs_of
from clew.explain.means import figure
from clew.tickets.evaluation.bench import Bench, picture_bench
from clew.training.data import Samples
from clew.training.metrics import Array

Key = tuple[str, float]  # method and level
PER_PICTURE = ("overlap", "energy", "cosine")
OF_ALL = ("cka", "debiased")
SHARE, SIGNED, CHANGE = (0.0, 1.0), (-1.0, 1.0), (-2.0, 2.0)  # where such numbers can lie
LIMITS = {"overlap": SHARE, "energy": SHARE, "cosine": SIGNED, "cka": SHARE, "debiased": SIGNED}
CHANGES = {"overlap": SIGNED, "energy": SIGNED, "cosine": CHANGE, "cka": SIGNED, "debiased": CHANGE}


@dataclass(frozen=True)
class Watched:
    """The S nets of one level: its method, level, seeds, their clues, and the key of the dense nets to compare with."""

    method: str
    level: float
    seeds: tuple[int, ...]
    clues: tuple[Clues, ...]
    reference: Key | None = None

    def of(self, name: str, pair: int | None) -> Array:
        """A number (S, N) or (S,) of one pair of blocks, or the mean over the pairs that have it."""
        values = np.stack([getattr(one, name) for one in self.clues])
        return values[:, pair] if pair is not None else _mean(values)


def clue_table(samples: Samples, nets: Sequence[Watched], resamples: int = 1000) -> dict[str, Any]:
    """How alike the n blocks of every level's nets are, on average and pair by pair, and against dense; for JSON.

    `samples` the N pictures that the clues are of; INTERVAL is {"mean", "low", "high", "n", "pictures", "clusters"}
    over seeds and clusters, SEEDS one over seeds alone with "seeds": {seed: value}, since a CKA is one number for all
    pictures; both null where there is none.

        blocks, pairs: [[1, 2], ...], by_chance (overlap of heatmaps that have nothing to do with each other), pictures
        levels: [{method, level, reference: [method, level] or null, mean: PAIR, pairs: [PAIR], minus_dense: PAIR or
            null}], `mean` over all pairs, of which `minus_dense` is the difference, paired by picture and seed

    PAIR: {overlap: INTERVAL, energy: INTERVAL, cosine: INTERVAL, cka: SEEDS, debiased: SEEDS}, see `Clues`. Raises
    ClewError where nets have other numbers of blocks or pictures, or a reference is missing.
    """
    blocks = _check(len(samples), nets)
    known = {(one.method, one.level): one for one in nets}
    base = picture_bench(samples, np.zeros((1, len(samples))), (0,), resamples)
    pairs = pairs_of(blocks)
    levels = []
    for one in nets:
        reference = None if one.reference is None else known[one.reference]
        found = {
            "method": one.method,
            "level": one.level,
            "reference": None if one.reference is None else list(one.reference),
            "mean": _pair(base, one.seeds, _reader(one, None)),
            "pairs": [_pair(base, one.seeds, _reader(one, at)) for at in range(len(pairs))],
            "minus_dense": None if reference is None else _change(base, one, reference),
        }
        levels.append(found)
    return {
        "blocks": blocks,
        "pairs": [[i + 1, j + 1] for i, j in pairs],
        "by_chance": BY_CHANCE,
        "pictures": len(samples),
        "levels": levels,
    }


def _check(pictures: int, nets: Sequence[Watched]) -> int:
    """The number of blocks that all nets have."""
    shapes = {clues.overlap.shape for one in nets for clues in one.clues}
    if len(shapes) != 1 or next(iter(shapes))[1] != pictures:
        raise ClewError(f"expected clues of one number of blocks on {pictures} pictures; found {sorted(shapes)}.")
    known = {(one.method, one.level) for one in nets}
    for one in nets:
        if one.reference is not None and one.reference not in known:
            raise ClewError(f"{one.method} at {one.level:g} is to be compared with {one.reference}, which is missing.")
    count = next(iter(shapes))[0]
    return round((1 + (1 + 8 * count) ** 0.5) / 2)  # n (n - 1) / 2 pairs


def _mean(values: Array) -> Array:
    """The mean over pairs of values (S, P, ...), NaN left out."""
    known = np.isfinite(values)
    counts = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.divide(total, counts, out=np.full(counts.shape, np.nan), where=counts > 0)


def _reader(one: Watched, pair: int | None) -> Callable[[str], Array]:
    return lambda name: one.of(name, pair)


def _change(base: Bench, one: Watched, dense: Watched) -> dict[str, Any]:
    """The means over pairs, less those of the dense nets of the same seeds."""
    shared = tuple(seed for seed in one.seeds if seed in dense.seeds)
    if not shared:
        raise ClewError(f"tickets of the seeds {one.seeds} and dense nets of {dense.seeds}: none are of one seed.")
    mine, theirs = ([net.seeds.index(seed) for seed in shared] for net in (one, dense))
    return _pair(base, shared, lambda name: one.of(name, None)[mine] - dense.of(name, None)[theirs], CHANGES)


def _pair(
    base: Bench,
    seeds: tuple[int, ...],
    values: Callable[[str], Array],
    limits: Mapping[str, tuple[float, float]] = LIMITS,
) -> dict[str, Any]:
    """The numbers as intervals, their ends kept within `limits`."""
    bench = replace(base, prob=np.zeros((len(seeds), len(base.labels))), seeds=seeds)
    found: dict[str, Any] = {name: figure(bench, values(name), limits[name]) for name in PER_PICTURE}
    for name in OF_ALL:
        found[name] = BySeed(seeds, tuple(map(float, values(name)))).as_dict(*limits[name])
    return found

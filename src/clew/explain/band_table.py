"""Do pruned nets lean on high frequencies? What each ring of frequency is worth to dense nets and to tickets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clew.base.errors import ClewError
from clew.explain.bands import Response, logit_difference
from clew.explain.leaning import leaning
from clew.explain.rings import octaves
from clew.tickets.evaluation.bench import Bench, measure, picture_bench, rate, video_bench
from clew.tickets.evaluation.samples import video_names
from clew.training.data import Samples
from clew.training.intervals import Estimate
from clew.training.metrics import Array
from clew.training.score import fake_probability

HIGHEST = 2  # rings: all above an eighth of a cycle per pixel
Key = tuple[str, float]  # method and level


@dataclass(frozen=True)
class Banded:
    """The S nets of one level: its method (dense, imp, random-of-imp), level, seeds, and their response (S, ...).

    `reference` is the key of the dense nets that it is compared with; None for these.
    """

    method: str
    level: float
    seeds: tuple[int, ...]
    response: Response
    reference: Key | None = None

    @property
    def key(self) -> Key:
        """What it is found by."""
        return self.method, self.level


@dataclass(frozen=True)
class _Measured:
    """Estimates of all M (1 + R) or M R rows of nets and rings, and where each net's rows begin."""

    size: Estimate
    signed: Estimate
    probability: Estimate
    auc: Estimate | None
    at: Mapping[tuple[Key, int], int]
    rings: int


@dataclass(frozen=True)
class _Level:
    """One level's estimates by ring (R,), low to high, and over all of them; still paired with other levels'."""

    rings: list[dict[str, Estimate | None]]
    reliance: Estimate


def band_table(samples: Samples, size: int, nets: Sequence[Banded], resamples: int = 1000) -> dict[str, Any]:
    """What removing each ring changes, for every level and against dense, paired by picture and seed; for JSON.

    `samples` N pictures, at `size` pixels; `nets` the dense ones and the levels, all on these pictures in this order.
    An INTERVAL is {"mean", "low", "high", "n"} or null:

        size, pictures, rows, unit (video or picture, of the AUC), clusters, auc_clusters
        rings: [{low, high, low_per_picture, high_per_picture, energy, clipped}], from low to high
        levels: [{method, level, reference: [method, level] or null, auc, reliance: INTERVAL,
            rings: [{change, signed, share, probability, lost: INTERVAL}],
            minus_dense: {reliance, rings: [{change, share, probability, lost}]} or null, leans, reason}]

    `change` is the mean absolute change of the logit difference (fake minus real), `signed` the mean change, `share`
    change over the sum of all rings', `probability` the mean absolute change of the probability of fake, `lost` AUC
    less the AUC without the ring, per video where there are videos. `reliance` is the share of the highest two rings,
    above 1/8 cycle per pixel: it does not depend on the scale of a net's logits. `energy` is a ring's mean share of
    what varies in the pictures, `clipped` the mean share of values that had to be clipped. `leans`: whether the
    reliance of a level is shown to be more or less than that of dense (its interval does not hold 0); not shown;
    undecided with fewer than 3 seeds or 40 clusters.

    Raises ClewError where a reference is missing, or a response is of another number of pictures or rings.
    """
    _check(samples, size, nets)
    bench = picture_bench(samples, np.zeros((1, len(samples))), (0,), resamples)
    aucs = video_bench(samples, bench) if any(video_names(samples)) else bench
    found = _measure(samples, bench, nets, aucs is not bench)
    levels = {one.key: _level(found, one) for one in nets}
    clusters = (bench.counted, aucs.counted)
    return {
        "size": size,
        "pictures": len(samples),
        "rows": len(aucs.labels),
        "unit": "picture" if aucs is bench else "video",
        "clusters": clusters[0],
        "auc_clusters": clusters[1],
        "rings": _rings(size, nets[0].response),
        "levels": [_told_level(one, levels, found, clusters) for one in nets],
    }


def _check(samples: Samples, size: int, nets: Sequence[Banded]) -> None:
    rings = len(octaves(size))
    known = {one.key for one in nets}
    for one in nets:
        shape = one.response.logits.shape[:3]
        if shape != (len(one.seeds), 1 + rings, len(samples)):
            raise ClewError(
                f"{one.method} at {one.level:g}: expected logits of {len(one.seeds)} nets, {1 + rings} rows and "
                f"{len(samples)} pictures; found {shape}. Score all nets on the same pictures."
            )
        if one.reference is not None and one.reference not in known:
            raise ClewError(f"{one.method} at {one.level:g} is to be compared with {one.reference}, which is missing.")
    if not nets:
        raise ClewError("expected the dense nets and the levels to compare; found none.")


def _measure(samples: Samples, bench: Bench, nets: Sequence[Banded], videos: bool) -> _Measured:
    """All nets at once, so that the resamples are drawn once."""
    logits = np.concatenate([one.response.logits for one in nets])  # (M, 1 + R, N, K)
    count, rows, pictures, classes = logits.shape
    prob = fake_probability(logits.reshape(-1, classes)).reshape(count, rows, pictures)
    odds = logit_difference(logits)
    change, moved = odds[:, 1:] - odds[:, :1], prob[:, 1:] - prob[:, :1]
    seen = bench.seen(prob.reshape(-1, pictures))
    seen = replace(seen, seeds=tuple(range(count * rows)))
    judged = measure(video_bench(samples, seen) if videos else seen, ("auc",)).estimates["auc"]
    places = [(one.key, seed) for one in nets for seed in one.seeds]
    size, signed, probability = (_mean(bench, part) for part in (np.abs(change), change, np.abs(moved)))
    return _Measured(size, signed, probability, judged, {place: at for at, place in enumerate(places)}, rows - 1)


def _mean(bench: Bench, values: Array) -> Estimate:
    """The mean over pictures of values (..., N), a row of the estimate for each net and ring."""
    flat = values.reshape(-1, values.shape[-1])
    return rate(replace(bench, seeds=tuple(range(len(flat)))), flat)


def _picked(estimate: Estimate, rows: Sequence[int], seeds: Sequence[int]) -> Estimate:
    """Some rows of an estimate of many nets at once, as the estimate of nets of these seeds."""
    return Estimate(tuple(seeds), estimate.values[list(rows)], estimate.resampled[:, list(rows)])


def _level(found: _Measured, nets: Banded) -> _Level:
    begins = [found.at[nets.key, seed] for seed in nets.seeds]
    by_ring = range(found.rings)

    def of(estimate: Estimate, ring: int) -> Estimate:
        return _picked(estimate, [begin * found.rings + ring for begin in begins], nets.seeds)

    sizes = [of(found.size, ring) for ring in by_ring]
    rings: list[dict[str, Estimate | None]] = [
        {
            "change": sizes[ring],
            "signed": of(found.signed, ring),
            "share": _share(sizes, [ring]),
            "probability": of(found.probability, ring),
            "lost": _lost(found, begins, ring, nets.seeds),
        }
        for ring in by_ring
    ]
    return _Level(rings, _share(sizes, by_ring[-HIGHEST:]))


def _share(sizes: Sequence[Estimate], rings: Sequence[int]) -> Estimate:
    """Of all rings' change that of some, worked out for each seed and resample; NaN for a net that reacts to none."""

    def ratio(parts: Array) -> Array:
        whole = parts.sum(axis=0)
        return np.divide(parts[list(rings)].sum(axis=0), whole, out=np.full(whole.shape, np.nan), where=whole > 0)

    values, again = (np.stack([getattr(one, name) for one in sizes]) for name in ("values", "resampled"))
    return Estimate(sizes[0].seeds, ratio(values), ratio(again))


def _auc(found: _Measured, begins: Sequence[int], row: int, seeds: Sequence[int]) -> Estimate | None:
    if found.auc is None:
        return None
    return _picked(found.auc, [begin * (1 + found.rings) + row for begin in begins], seeds)


def _lost(found: _Measured, begins: Sequence[int], ring: int, seeds: Sequence[int]) -> Estimate | None:
    before, after = (_auc(found, begins, row, seeds) for row in (0, 1 + ring))
    return None if before is None or after is None else before.minus(after)


def _rings(size: int, response: Response) -> list[dict[str, float]]:
    """The rings, with how much of what varies in a picture each holds; the pictures are the same for all nets."""
    whole = response.energy.sum(axis=0)
    energy = np.divide(response.energy, whole, out=np.zeros_like(response.energy), where=whole > 0).mean(axis=1)
    clipped = response.clipped.mean(axis=1)
    return [
        {**ring.as_dict(size), "energy": float(energy[at]), "clipped": float(clipped[at])}
        for at, ring in enumerate(octaves(size))
    ]


def _told_level(
    nets: Banded, levels: Mapping[Key, _Level], found: _Measured, clusters: tuple[int, int]
) -> dict[str, Any]:
    own = levels[nets.key]
    begins = [found.at[nets.key, seed] for seed in nets.seeds]
    found_one: dict[str, Any] = {
        "method": nets.method,
        "level": nets.level,
        "reference": None if nets.reference is None else list(nets.reference),
        "auc": _told(_auc(found, begins, 0, nets.seeds), clusters[1], 0, 1),
        "reliance": _told(own.reliance, clusters[0], 0, 1),
        "rings": [_told_ring(ring, clusters, 0) for ring in own.rings],
    }
    if nets.reference is None:
        return {**found_one, "minus_dense": None, "leans": None, "reason": ""}
    change = _minus(own, levels[nets.reference])
    reliance = _told(change.reliance, clusters[0], -1, 1)
    leans, reason = leaning(reliance, clusters[0])
    rings = [_told_ring(ring, clusters, -1) for ring in change.rings]
    return {**found_one, "minus_dense": {"reliance": reliance, "rings": rings}, "leans": leans, "reason": reason}


def _minus(one: _Level, other: _Level) -> _Level:
    reliance = one.reliance.minus(other.reliance)
    if reliance is None:
        raise ClewError(
            f"tickets of the seeds {one.reliance.seeds}, dense nets of {other.reliance.seeds}: none shared."
        )
    pairs = zip(one.rings, other.rings, strict=True)
    return _Level([{name: _difference(mine[name], theirs[name]) for name in mine} for mine, theirs in pairs], reliance)


def _difference(one: Estimate | None, other: Estimate | None) -> Estimate | None:
    return None if one is None or other is None else one.minus(other)


def _told(estimate: Estimate | None, clusters: int, least: float = -np.inf, most: float = np.inf) -> Any:
    """The interval for JSON, its limits between `least` and `most`; None where a value is not finite.

    Resamples in which the number is not defined are left out.
    """
    if estimate is None or not np.isfinite(estimate.values).all():
        return None
    defined = estimate.resampled[np.isfinite(estimate.resampled).all(axis=1)]
    again = defined if len(defined) > 1 else np.full((2, len(estimate.values)), np.nan)
    found = Estimate(estimate.seeds, estimate.values, again).interval(clusters).as_dict()
    limits = {end: float(np.clip(value, least, most)) for end in ("low", "high") if (value := found[end]) is not None}
    return {**found, **limits}


def _told_ring(ring: Mapping[str, Estimate | None], clusters: tuple[int, int], least: float) -> dict[str, Any]:
    """Limits where they can lie: a change is 0 or more, a share within 1; a difference of them may be negative."""
    open_end = -np.inf if least else 0.0
    return {
        "change": _told(ring["change"], clusters[0], open_end),
        "signed": _told(ring["signed"], clusters[0]),
        "share": _told(ring["share"], clusters[0], least, 1),
        "probability": _told(ring["probability"], clusters[0], least, 1),
        "lost": _told(ring["lost"], clusters[1], -1, 1),
    }

"""S nets beside one another on the same rows, and the numbers measured on them with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clew.tickets.estimates import counted_clusters
from clew.tickets.evaluation.samples import video_names
from clew.training import metrics
from clew.training.data import Samples
from clew.training.intervals import Estimate, can_resample, weight_blocks
from clew.training.metrics import Array

MOST_WEIGHTS, LEAST_RESAMPLES = 2 * 10**8, 200
ALL = ("auc", "accuracy", "eer", "ap")
RANKED = ("auc", "eer", "ap")  # these need reals and fakes
ONE_CLASS = "one class only"


@dataclass(frozen=True)
class Bench:
    """S nets on V rows, pictures or videos: labels, clusters, forgery, compression (V,), fake probability (S, V)."""

    labels: Array
    prob: Array
    clusters: Array
    forgery: Array
    compression: Array
    seeds: tuple[int, ...]
    resamples: int = 1000

    def only(self, kept: Array) -> Bench:
        """The rows where `kept` (V,) is true."""
        columns = (self.clusters[kept], self.forgery[kept], self.compression[kept])
        return Bench(self.labels[kept], self.prob[:, kept], *columns, self.seeds, self.resamples)

    def seen(self, prob: Array) -> Bench:
        """The same rows with other probabilities (S, V)."""
        columns = (self.clusters, self.forgery, self.compression)
        return Bench(self.labels, prob, *columns, self.seeds, self.resamples)

    @property
    def counted(self) -> int:
        """How many clusters count: of two classes at most twice those with the rarer, of one all."""
        both = len(np.unique(self.labels)) > 1
        return counted_clusters(self.labels, self.clusters) if both else len(np.unique(self.clusters))


@dataclass(frozen=True)
class Measured:
    """Numbers by name (None where they cannot be had, with the reason) on so many rows and clusters that count."""

    estimates: dict[str, Estimate | None] = field(repr=False)
    rows: int
    reals: int
    clusters: int
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: an interval {"mean","low","high","n"} or null for each number, with the counts."""
        counts = {"rows": self.rows, "reals": self.reals, "fakes": self.rows - self.reals, "clusters": self.clusters}
        return {
            **{name: told(self.estimates[name], self.clusters) for name in self.estimates},
            **counts,
            "reason": self.reason,
        }


def told(estimate: Estimate | None, clusters: int, least: float = 0.0) -> dict[str, Any] | None:
    """An estimate as its interval for JSON, its limits kept between `least` (0; -1 for a difference) and 1."""
    return None if estimate is None else estimate.interval(clusters).within(least).as_dict()


def picture_bench(samples: Samples, prob: Array, seeds: Sequence[int], resamples: int) -> Bench:
    """A row for each of the N pictures; `prob` (S, N). A picture without a cluster is its video's, or its own."""
    names = ("sample", "video", "cluster", "method", "compression")
    sample, video, cluster, forgery, compression = (samples.rows[name].to_pylist() for name in names)
    clusters = [c or v or s for c, v, s in zip(cluster, video, sample, strict=True)]
    groups, kinds, qualities = (np.array([v or "" for v in column]) for column in (clusters, forgery, compression))
    return Bench(samples.labels, prob, groups, kinds, qualities, tuple(seeds), _affordable(resamples, len(samples)))


def video_bench(samples: Samples, pictures: Bench) -> Bench:
    """A row for each video, by the mean probability of its pictures; a picture without a video keeps its row."""
    videos = video_names(samples)
    found = metrics.per_video(pictures.labels, pictures.prob, videos, pictures.clusters.tolist())
    first = first_rows(videos)
    columns = (found.clusters, pictures.forgery[first], pictures.compression[first])
    resamples = _affordable(pictures.resamples, len(found.labels))
    return Bench(found.labels, found.scores, *columns, pictures.seeds, resamples)


def first_rows(videos: Sequence[str]) -> Array:
    """The first picture of each video, in the order of `metrics.per_video`: (V,)."""
    seen: dict[str, int] = {}
    for at, video in enumerate(videos):
        seen.setdefault(video or f"\n{at}", at)
    return np.array(list(seen.values()), np.int64)


def _affordable(resamples: int, rows: int) -> int:
    """As many resamples as asked for, fewer where rows are so many that the time would not be worth it."""
    return min(resamples, max(LEAST_RESAMPLES, MOST_WEIGHTS // max(1, rows)))


def measure(bench: Bench, names: Sequence[str] = ALL) -> Measured:
    """AUC, accuracy at 0.5, equal error rate and average precision, as far as asked for.

    With reals or fakes alone only the accuracy can be told. All benches of equal labels and clusters are resampled
    alike, so that their numbers may be subtracted. Intervals are unknown where a class lies in one cluster.
    """
    both = len(np.unique(bench.labels)) > 1
    wanted = [name for name in names if both or name not in RANKED]
    values = {name: np.array([_VALUES[name](bench.labels, row) for row in bench.prob]) for name in wanted}
    again = _resampled(bench, wanted, both)
    found: dict[str, Estimate | None] = dict.fromkeys(names)
    found.update({name: Estimate(bench.seeds, values[name], again[name]) for name in wanted})
    reason = "" if both else f"{ONE_CLASS}: AUC, EER and AP need reals and fakes"
    return Measured(found, len(bench.labels), int((bench.labels == 0).sum()), bench.counted, reason)


def rate(bench: Bench, hits: Array) -> Estimate:
    """The share of rows for which `hits` (S, V) is true, by net."""
    return resampled_estimate(bench, hits.mean(axis=1), lambda weights: (weights @ hits.T) / weights.sum(1)[:, None])


def resampled_estimate(bench: Bench, values: Array, measured: Callable[[Array], Array]) -> Estimate:
    """An estimate of values (S,) whose resampled values (r, S) `measured` gives for weights (r, V)."""
    if not _can_resample(bench):
        return Estimate(bench.seeds, values, np.full((2, len(values)), np.nan))
    return Estimate(bench.seeds, values, np.concatenate([measured(weights) for weights in _weights(bench)]))


def _weights(bench: Bench) -> Any:
    return weight_blocks(bench.labels, bench.clusters, bench.resamples, np.random.default_rng(0))


def _can_resample(bench: Bench) -> bool:
    if len(np.unique(bench.labels)) > 1:
        return can_resample(bench.labels, bench.clusters)
    return len(np.unique(bench.clusters)) > 1


def _resampled(bench: Bench, names: Sequence[str], both: bool) -> dict[str, Array]:
    """By name the resampled values (R, S); NaN where the spread over clusters cannot be known."""
    if not _can_resample(bench):
        return {name: np.full((2, len(bench.prob)), np.nan) for name in names}
    rankings = [metrics.rank(bench.labels, row) for row in bench.prob] if both else []
    right = ((bench.prob >= 0.5) == (bench.labels == 1)).astype(np.float64)
    parts: dict[str, list[Array]] = {name: [] for name in names}
    for weights in _weights(bench):
        for name in names:
            parts[name].append(_block(name, bench, rankings, right, weights))
    return {name: np.concatenate(found) for name, found in parts.items()}


def _block(name: str, bench: Bench, rankings: list[metrics.Ranking], right: Array, weights: Array) -> Array:
    """One number under weights (r, V): (r, S)."""
    if name == "auc":
        return np.stack([ranking.auc(weights) for ranking in rankings], 1)
    if name == "accuracy":
        return np.asarray((weights @ right.T) / weights.sum(axis=1)[:, None])
    again = metrics.weighted_eer if name == "eer" else metrics.weighted_average_precision
    return np.stack([again(bench.labels, row, weights) for row in bench.prob], 1)


_VALUES: dict[str, Callable[[Array, Array], float]] = {
    "auc": metrics.auc,
    "accuracy": metrics.accuracy,
    "eer": metrics.eer,
    "ap": metrics.average_precision,
}

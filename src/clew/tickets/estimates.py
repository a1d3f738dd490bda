"""From a table of scores to figures by seed: every run of a ladder measured under the same resamples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clew.base.errors import ClewError
from clew.training import metrics
from clew.training.intervals import Estimate, can_resample, weight_blocks
from clew.training.metrics import Array

RUN = ("run", "seed", "method", "scope", "rewind", "level", "controls")
PICTURE = ("label", "video", "cluster", "forgery", "compression")
COLUMNS = (*RUN, "store", "split", "sample", *PICTURE, "logits")


@dataclass(frozen=True, order=True)
class Cell:
    """What the runs of several seeds have in common: one level of one method, or one of its controls."""

    method: str
    scope: str
    rewind: str
    controls: str
    level: float

    def __str__(self) -> str:
        words = [self.method, self.scope, self.rewind, self.controls and f"for {self.controls}"]
        return f"{', '.join(word for word in words if word)} at level {self.level:g}"


@dataclass(frozen=True)
class Figures:
    """The numbers of one cell, per video: AUC and accuracy, and for dense nets EER and average precision.

    `runs` are the trainings that they are of, by seed: two cells may share them.
    """

    auc: Estimate
    accuracy: Estimate
    eer: Estimate | None = None
    ap: Estimate | None = None
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """All cells of a ladder on the test split of one store in which C `clusters` count (`counted_clusters`).

    `chance`: the accuracy of always telling the commoner class.
    """

    cells: Mapping[Cell, Figures]
    clusters: int
    chance: float = 0.5


@dataclass(frozen=True)
class _Bench:
    """M runs on the same V videos: labels (V,), clusters (V,), fake probability (M, V), who each run is."""

    labels: Array
    clusters: Array
    prob: Array
    cells: list[Cell]
    seeds: list[int]
    runs: list[str]


def measure(scores: pa.Table, store: str | None, resamples: int, rng: np.random.Generator) -> Measured:
    """Figures of every cell of a table of scores (see COLUMNS), on the test split of `store`.

    `store` may be None when the table holds one. Raises ClewError that names the run when a run misses
    samples, scores one twice, tells another label than the others, or has logits that are not finite.
    """
    bench = _bench(_test_rows(scores, store))
    numbers = _numbers(bench, resamples, rng)
    cells: dict[Cell, Figures] = {}
    for cell in sorted(set(bench.cells)):
        rows = sorted((bench.seeds[row], row) for row, other in enumerate(bench.cells) if other == cell)
        seeds = tuple(seed for seed, _ in rows)
        if len(set(seeds)) < len(seeds):
            raise ClewError(f"the scores hold two runs of one seed for {cell}: seeds {seeds}. Keep one of each.")
        at = [row for _, row in rows]
        found = {
            name: Estimate(seeds, values[at], resampled[at].T)
            for name, (values, resampled) in numbers.items()
            if not np.isnan(values[at]).any()
        }
        cells[cell] = Figures(**found, runs=tuple(bench.runs[row] for row in at))
    fakes = float(bench.labels.mean())
    return Measured(cells, counted_clusters(bench.labels, bench.clusters), max(fakes, 1 - fakes))


def counted_clusters(labels: Array, clusters: Array) -> int:
    """How many of the clusters (V,) count: all, but at most twice those that hold the rarer label.

    Where one class lies in few clusters, the spread over clusters rests on these few: with 2 clusters of reals
    among 40, intervals that count 40 were simulated to be wrong 10 % of the time on one side instead of 5 %.
    """
    rarer = min(len(np.unique(clusters[labels == label])) for label in (0, 1))
    return min(len(np.unique(clusters)), 2 * rarer)


def _numbers(bench: _Bench, resamples: int, rng: np.random.Generator) -> dict[str, tuple[Array, Array]]:
    """By name the values (M,) and resampled values (M, R); NaN for what a run is not measured by."""
    runs = range(len(bench.cells))
    dense = [row for row in runs if bench.cells[row].method == "dense"]
    values = {name: np.full(len(runs), np.nan) for name in ("auc", "accuracy", "eer", "ap")}
    for row in runs:
        values["auc"][row] = metrics.auc(bench.labels, bench.prob[row])
        values["accuracy"][row] = metrics.accuracy(bench.labels, bench.prob[row])
    for row in dense:
        values["eer"][row] = metrics.eer(bench.labels, bench.prob[row])
        values["ap"][row] = metrics.average_precision(bench.labels, bench.prob[row])
    return {
        name: (numbers, again)
        for (name, numbers), again in zip(values.items(), _resampled(bench, dense, resamples, rng), strict=True)
    }


def _resampled(bench: _Bench, dense: list[int], resamples: int, rng: np.random.Generator) -> list[Array]:
    """AUC, accuracy, EER and average precision of each run under each resample, (M, R) each.

    NaN throughout where one class lies in a single cluster, so that the spread over clusters is unknown.
    """
    shape = (len(bench.cells), resamples)
    auc, accuracy, eer, ap = (np.full(shape, np.nan) for _ in range(4))
    if not can_resample(bench.labels, bench.clusters):
        return [auc, accuracy, eer, ap]
    rankings = [metrics.rank(bench.labels, row) for row in bench.prob]
    right = ((bench.prob >= 0.5) == (bench.labels == 1)).astype(np.float64)
    start = 0
    for weights in weight_blocks(bench.labels, bench.clusters, resamples, rng):
        part = slice(start, start + len(weights))
        start = part.stop
        accuracy[:, part] = right @ weights.T / weights.sum(axis=1)
        for row, ranking in enumerate(rankings):
            auc[row, part] = ranking.auc(weights)
        for row in dense:
            eer[row, part] = metrics.weighted_eer(bench.labels, bench.prob[row], weights)
            ap[row, part] = metrics.weighted_average_precision(bench.labels, bench.prob[row], weights)
    return [auc, accuracy, eer, ap]


def _test_rows(scores: pa.Table, store: str | None) -> pa.Table:
    missing = sorted(set(COLUMNS) - set(scores.column_names))
    if missing:
        raise ClewError(f"expected scores with the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}.")
    rows = scores.filter(pc.equal(scores["split"], "test"))
    stores = sorted(str(name) for name in pc.unique(rows["store"]).to_pylist())
    if not stores:
        raise ClewError("the scores hold no row of the test split. Score the test split first.")
    if store is None and len(stores) > 1:
        raise ClewError(f"the scores are of several stores: {', '.join(stores)}. Name the one to judge on.")
    if store is not None and store not in stores:
        raise ClewError(f"no test scores of store '{store}'. Known: {', '.join(stores)}.")
    return rows.filter(pc.equal(rows["store"], store or stores[0]))


def _bench(rows: pa.Table) -> _Bench:
    """Rows in any order, arranged by run and sample, checked, and averaged per video."""
    names, sample = _codes(rows["sample"])
    run = np.zeros(len(rows), np.int64)
    for column in RUN:
        known, codes = _codes(rows[column])
        _, run = np.unique(run * len(known) + codes, return_inverse=True)
    order = np.lexsort((sample, run))
    first = order[np.flatnonzero(np.diff(run[order], prepend=-1))]
    runs = rows.select(RUN).take(pa.array(first)).to_pylist()
    _check_samples(sample[order], run[order], names, runs)
    shape = (len(runs), len(names))
    pictures = {column: _agreed(rows[column], order.reshape(shape), column, runs) for column in PICTURE}
    prob = _fake_probability(rows["logits"], order, runs).reshape(shape)
    return _per_video(pictures, names, prob, runs)


def _per_video(
    pictures: Mapping[str, list[Any]], samples: list[Any], prob: Array, runs: list[dict[str, Any]]
) -> _Bench:
    """A video is named by forgery, compression and name: one name may serve under several forgeries."""
    parts = zip(pictures["forgery"], pictures["compression"], pictures["video"], strict=True)
    videos = ["\n".join(part) if part[-1] else "" for part in parts]
    fallback = [video or sample for video, sample in zip(pictures["video"], samples, strict=True)]
    clusters = [name or own for name, own in zip(pictures["cluster"], fallback, strict=True)]
    found = metrics.per_video(pictures["label"], prob, videos, clusters)
    cells = [
        Cell(
            run["method"],
            run["scope"] or "",
            run["rewind"] or "",
            run["controls"] or "",
            round(run["level"], 6),
        )
        for run in runs
    ]
    seeds, names = ([run[key] for run in runs] for key in ("seed", "run"))
    return _Bench(found.labels, found.clusters, found.scores, cells, seeds, names)


def _codes(column: pa.ChunkedArray) -> tuple[list[Any], Array]:
    """The distinct values, sorted (null counts as the empty string or 0), and each row's place among them."""
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    empty = "" if pa.types.is_string(plain.type) or pa.types.is_large_string(plain.type) else 0
    coded = pc.fill_null(plain, empty).combine_chunks().dictionary_encode()
    values = coded.dictionary.to_pylist()
    order = sorted(range(len(values)), key=values.__getitem__)
    place = np.empty(len(values), np.int64)
    place[order] = np.arange(len(values))
    return [values[at] for at in order], place[coded.indices.to_numpy(zero_copy_only=False)]


def _check_samples(sample: Array, run: Array, names: list[Any], runs: list[dict[str, Any]]) -> None:
    """Raises ClewError unless each run, whose rows (sorted) come one after another, has every sample once."""
    twice = np.flatnonzero((np.diff(sample) == 0) & (np.diff(run) == 0))
    if len(twice):
        at = twice[0]
        raise ClewError(f"{_called(runs[run[at]])} scores sample '{names[sample[at]]}' twice; expected once.")
    counts = np.bincount(run, minlength=len(runs))
    for number in np.flatnonzero(counts < len(names)):
        lost = np.setdiff1d(np.arange(len(names)), sample[run == number])
        raise ClewError(
            f"{_called(runs[number])} misses {len(lost)} of {len(names)} test samples, the first being "
            f"'{names[lost[0]]}'; all runs must score the same. Score it again on the whole test split."
        )


def _agreed(column: pa.ChunkedArray, order: Array, name: str, runs: list[dict[str, Any]]) -> list[Any]:
    """The values (N,) of a column that all M runs must agree on; `order` is (M, N)."""
    values, codes = _codes(column)
    table = codes[order]
    odd = np.flatnonzero((table != table[0]).any(axis=1))
    if len(odd):
        raise ClewError(
            f"{_called(runs[odd[0]])} has another {name} than {_called(runs[0])} for the same sample. "
            "Score all runs on the same store."
        )
    return [values[code] for code in table[0]]


def _fake_probability(logits: pa.ChunkedArray, order: Array, runs: list[dict[str, Any]]) -> Array:
    """1 - softmax(logits)[0] in float64, exact near 0, in the order given: rows of M runs -> (M * N,)."""
    lengths = pc.fill_null(pc.list_value_length(logits), 0).to_numpy()[order]
    size = len(order) // len(runs)
    odd = np.flatnonzero((lengths < 2) | (lengths != lengths[0]))
    if len(odd):
        raise ClewError(
            f"{_called(runs[odd[0] // size])} has {lengths[odd[0]]} logits for a sample; "
            f"expected {max(2, lengths[0])} for each."
        )
    flat = pc.list_flatten(logits).to_numpy().astype(np.float64).reshape(-1, lengths[0])[order]
    broken = np.flatnonzero(~np.isfinite(flat).all(axis=1))
    if len(broken):
        raise ClewError(f"{_called(runs[broken[0] // size])} has logits that are NaN or infinite. Train it again.")
    powers = np.exp(flat - flat.max(axis=1, keepdims=True))
    return powers[:, 1:].sum(axis=1) / powers.sum(axis=1)


def _called(run: Mapping[str, Any]) -> str:
    return f"run '{run['run']}' ({run['method']}, level {run['level']:g}, seed {run['seed']})"

"""Whose verdict changes as weights go: accuracy per manipulation method, what goes first, which pictures flip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clew.explain.scored import Pairs, Scored, read_scores
from clew.tickets.estimates import Cell
from clew.tickets.evaluation.bench import Bench, first_rows, rate, told
from clew.tickets.forgotten import forgotten
from clew.training import metrics
from clew.training.intervals import Estimate

ALL, REAL = "all", "real"
RESAMPLES, MOST = 1000, 12
Right = NDArray[np.bool_]


def flip_table(scores: pa.Table, resamples: int = RESAMPLES, most: int = MOST) -> dict[str, Any]:
    """Accuracy per manipulation method and level with the verdicts that change, from a ladder's scores; for JSON.

    `scores` are of one store (`Ladder.joined_scores`); a verdict is fake at a probability of 0.5 or more. An INTERVAL
    is {"mean", "low", "high", "n"}, over seeds and whole clusters of test rows:

        unit (video or picture), groups: [all, real, a manipulation method, ...]
        levels: [{method, controls, level, seeds, groups: [{name, rows, clusters, accuracy, dense, minus_dense, lost,
            gained: INTERVAL}], flips: {lost: [FLIP], gained: [FLIP], counts: {lost, gained}}}]
        forgotten: [{method, order: [{name, from, shown}], text}], see `tickets.forgotten`, by accuracy

    `lost` is the share of rows (videos, pictures where there are none) that dense tells rightly and the ticket of its
    seed wrongly, `gained` the other way round: minus_dense = gained - lost. FLIP {sample, forgery, seeds, n, dense,
    ticket} is a picture whose verdict flips in `seeds` of n seeds (in the one way less in the other), with the mean
    probabilities of fake; those that flip in most seeds first, then those whose probability moves most, one of each
    video and `most` in all, while `counts` is of all that flip in every seed. Raises ClewError when the runs do not
    fit together or a dense net is missing.
    """
    scored = read_scores(scores)
    bench = _bench(scored, resamples)
    groups = _groups(bench)
    pairs = {cell: scored.pairs(cell) for cell in scored.cells}
    figures = {name: _figures(bench.only(rows), pairs) for name, rows in groups.items()}
    right = (scored.prob >= 0.5) == (scored.labels == 1)
    levels = [
        {
            **_facts(cell, pair),
            "groups": [{"name": name, **figures[name][cell]} for name in groups],
            "flips": _flips(scored, right, pair, most),
        }
        for cell, pair in pairs.items()
    ]
    names = [name for name in groups if name != ALL]
    return {
        "unit": "video" if any(scored.videos) else "picture",
        "groups": list(groups),
        "levels": levels,
        "forgotten": forgotten([_as_classes(level) for level in levels], names),
    }


def _bench(scored: Scored, resamples: int) -> Bench:
    """All M runs on V videos (pictures where there are none)."""
    parts = zip(scored.forgeries, scored.compressions, scored.videos, strict=True)
    names = ["\n".join(part) if part[-1] else "" for part in parts]
    found = metrics.per_video(scored.labels, scored.prob, names, scored.clusters)
    first = first_rows(names)
    columns = (np.array(scored.forgeries)[first], np.array(scored.compressions)[first])
    seeds = tuple(range(len(scored.places)))
    return Bench(found.labels, found.scores, found.clusters, *columns, seeds, resamples)


def _groups(bench: Bench) -> dict[str, Right]:
    """Which rows (V,) are looked at together: all, the reals, and the fakes of each manipulation method."""
    found = {ALL: np.ones(len(bench.labels), bool), REAL: bench.labels == 0}
    for name in sorted(set(bench.forgery[bench.labels == 1].tolist())):
        rows = (bench.forgery == name) & (bench.labels == 1)
        found[name if name not in found else f"fakes of method '{name}'"] = rows
    return {name: rows for name, rows in found.items() if rows.any()}


def _facts(cell: Cell, pairs: Pairs) -> dict[str, Any]:
    place = {"method": cell.method, "controls": cell.controls or None, "level": cell.level}
    return {**place, "seeds": list(pairs.seeds)}


def _figures(bench: Bench, pairs: Mapping[Cell, Pairs]) -> dict[Cell, dict[str, Any]]:
    """The figures of some rows for every level; all are measured at once, so that the resamples are drawn once."""
    right = (bench.prob >= 0.5) == (bench.labels == 1)  # (M, V)
    parts = []
    for one in pairs.values():
        ticket, dense = right[one.tickets], right[one.dense]
        parts += [ticket, dense, dense & ~ticket, ticket & ~dense]
    if not parts:
        return {}
    hits = np.concatenate(parts).astype(np.float64)
    every = rate(replace(bench, seeds=tuple(range(len(hits)))), hits)
    found, start = {}, 0
    for cell, one in pairs.items():
        count = len(one.seeds)
        begins = range(start, start + 4 * count, count)
        start += 4 * count
        cut = [(every.values[at : at + count], every.resampled[:, at : at + count]) for at in begins]
        found[cell] = _told(bench, [Estimate(one.seeds, *numbers) for numbers in cut])
    return found


def _told(bench: Bench, parts: Sequence[Estimate]) -> dict[str, Any]:
    """Accuracy of the tickets, of dense, what is lost and what is gained, and the difference of the first two."""
    clusters = bench.counted
    named = dict(zip(("accuracy", "dense", "lost", "gained"), parts, strict=True))
    return {
        "rows": len(bench.labels),
        "clusters": clusters,
        **{name: told(estimate, clusters) for name, estimate in named.items()},
        "minus_dense": told(parts[0].minus(parts[1]), clusters, -1.0),
    }


def _flips(scored: Scored, right: Right, pairs: Pairs, most: int) -> dict[str, Any]:
    """The pictures whose verdict flips; `right` (M, N) says which of them each run tells rightly."""
    tickets, dense = pairs.tickets, pairs.dense
    lost = (right[dense] & ~right[tickets]).sum(axis=0)
    gained = (right[tickets] & ~right[dense]).sum(axis=0)
    means = scored.prob[dense].mean(axis=0), scored.prob[tickets].mean(axis=0)
    moved = np.abs(scored.prob[tickets] - scored.prob[dense]).mean(axis=0)
    found: dict[str, Any] = {}
    for name, net in (("lost", lost - gained), ("gained", gained - lost)):
        order = sorted(np.flatnonzero(net > 0).tolist(), key=lambda at: (-net[at], -moved[at], scored.samples[at]))
        found[name] = [
            {
                "sample": scored.samples[at],
                "forgery": scored.forgeries[at],
                "seeds": int(net[at]),
                "n": len(tickets),
                "dense": float(means[0][at]),
                "ticket": float(means[1][at]),
            }
            for at in _one_of_each_video(scored, order)[:most]
        ]
    counts = {name: int((part == len(tickets)).sum()) for name, part in (("lost", lost), ("gained", gained))}
    return {**found, "counts": counts}


def _one_of_each_video(scored: Scored, order: Sequence[int]) -> list[int]:
    """The first of each video; a lone picture is one of its own."""
    first: dict[tuple[str, ...], int] = {}
    for at in order:
        video = (scored.forgeries[at], scored.compressions[at], scored.videos[at] or f"\n{scored.samples[at]}")
        first.setdefault(video, at)
    return list(first.values())


def _as_classes(level: Mapping[str, Any]) -> dict[str, Any]:
    """A level as `forgotten` reads it: there the figure of a class is its AUC, here the group's accuracy."""
    changes = [{"name": one["name"], "auc": one["minus_dense"]} for one in level["groups"] if one["name"] != ALL]
    place = {"method": level["method"], "controls": level["controls"], "target": level["level"]}
    return {**place, "minus_dense": {"classes": changes}}

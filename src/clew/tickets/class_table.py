"""A ladder of several classes: macro AUC of every level, and what the dense nets take each class for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clew.base.errors import ClewError
from clew.tickets.class_rates import class_rates, class_recalls
from clew.tickets.estimates import RUN, Cell
from clew.tickets.forgotten import forgotten
from clew.training.class_intervals import ClassFigures, Figure, class_figures
from clew.training.class_metrics import class_probabilities, class_report
from clew.training.metrics import Array, per_video

RESAMPLES = 500
DENSE = Cell("dense", "", "", "", 0.0)
Place = tuple[Cell, int]  # a cell and a seed: one run
Recalls = tuple[Figure | None, ...]  # of each class


@dataclass(frozen=True)
class _Figures:
    """What is measured of a cell, or of the difference between two."""

    figures: ClassFigures
    recalls: Recalls

    def as_dict(self, names: Sequence[str], least: float = 0.0) -> dict[str, Any]:
        """As `ClassFigures.as_dict`, with the recall of each class beside its AUC."""
        found = self.figures.as_dict(names, least)
        pairs = zip(found["classes"], self.recalls, strict=True)
        return {**found, "classes": [{**one, "recall": _told(recall, least)} for one, recall in pairs]}


@dataclass(frozen=True)
class _Bench:
    """All runs on the same V videos: targets (V,), clusters (V,), and the probabilities (V, K) of each run."""

    targets: Array
    clusters: Array
    runs: dict[Place, Array]


def class_table(scores: pa.Table, names: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """Macro AUC, accuracy, and AUC and recall of each class of every cell, per video of the test split, for JSON.

    `scores` are of one store and of runs that `ladder_table` found to agree; `names` (K,) real and the methods. All
    cells are measured under the same resamples, and "minus_dense" of a level is paired by seed, against the dense nets
    that it is judged against. The dense nets come with precision, recall and F1 by class, and the confusion matrix
    (rows the truth, columns what was told), the mean over seeds; "forgotten" says by method which classes go first.
    Raises ClewError when the runs do not fit together or no dense net is among them.
    """
    bench = _bench(scores.filter(pc.equal(scores["split"], "test")), names)
    figures = _figures(bench, resamples, seed)
    if DENSE not in figures:
        raise ClewError("the scores hold no dense run (method dense, level 0). Let the search finish.")
    more = _dense_more(bench, names, resamples, seed)
    levels = [_level(cell, figures, names) for cell in sorted(figures) if cell != DENSE]
    dense = {**_absolute(DENSE, figures[DENSE], names), **more}
    return {"names": list(names), "dense": dense, "levels": levels, "forgotten": forgotten(levels, names)}


def _level(cell: Cell, figures: Mapping[Cell, _Figures], names: Sequence[str]) -> dict[str, Any]:
    """The intervals of one cell, and those of its differences from dense."""
    found = figures[cell]
    change = None if cell.method == DENSE.method else _minus(found, _reference(cell, figures)).as_dict(names, -1.0)
    return {**_absolute(cell, found, names), "minus_dense": change}


def _absolute(cell: Cell, found: _Figures, names: Sequence[str]) -> dict[str, Any]:
    """What cell it is, and its intervals."""
    return {"method": cell.method, "controls": cell.controls or None, "target": cell.level, **found.as_dict(names)}


def _reference(cell: Cell, figures: Mapping[Cell, _Figures]) -> _Figures:
    """The dense nets trained on for as many steps, where there are such; else those of level 0."""
    trained_on = Cell(DENSE.method, cell.scope, cell.rewind, cell.controls or cell.method, cell.level)
    return figures.get(trained_on) or figures.get(replace(trained_on, scope="")) or figures[DENSE]


def _minus(mine: _Figures, theirs: _Figures) -> _Figures:
    """What one has more than the other, paired by seed."""
    one, other = mine.figures, theirs.figures
    macro, accuracy = _difference(one.macro_auc, other.macro_auc), _difference(one.accuracy, other.accuracy)
    if accuracy is None:
        raise ClewError("a level shares no seed with its dense reference. Let the search finish.")
    return _Figures(
        ClassFigures(macro, accuracy, _differences(one.classes, other.classes)),
        _differences(mine.recalls, theirs.recalls),
    )


def _differences(one: Recalls, other: Recalls) -> Recalls:
    return tuple(_difference(*pair) for pair in zip(one, other, strict=True))


def _difference(one: Figure | None, other: Figure | None) -> Figure | None:
    estimate = None if one is None or other is None else one.estimate.minus(other.estimate)
    return None if estimate is None or one is None else Figure(estimate, one.clusters)


def _figures(bench: _Bench, resamples: int, seed: int) -> dict[Cell, _Figures]:
    """Every cell's figures; all runs are measured at once, so that the resamples are drawn once."""
    places = list(bench.runs)
    runs = dict(enumerate(bench.runs.values()))
    found = class_figures(bench.targets, runs, bench.clusters, resamples, np.random.default_rng(seed))
    recalls = class_recalls(bench.targets, runs, bench.clusters, resamples, seed)
    at: dict[Cell, dict[int, int]] = {}
    for row, (cell, number) in enumerate(places):
        at.setdefault(cell, {})[number] = row
    return {cell: _of_seeds(found, recalls, dict(sorted(rows.items()))) for cell, rows in at.items()}


def _of_seeds(found: ClassFigures, recalls: Recalls, rows: Mapping[int, int]) -> _Figures:
    """The figures of some of the runs alone; `rows` by seed."""

    def only(figure: Figure | None) -> Figure | None:
        if figure is None:
            return None
        return Figure(replace(figure.estimate.only(list(rows.values())), seeds=tuple(rows)), figure.clusters)

    accuracy = only(found.accuracy) or found.accuracy
    classes = ClassFigures(only(found.macro_auc), accuracy, tuple(map(only, found.classes)))
    return _Figures(classes, tuple(map(only, recalls)))


def _dense_more(bench: _Bench, names: Sequence[str], resamples: int, seed: int) -> dict[str, Any]:
    """The dense nets' rates by class with their intervals, the confusion matrix, and what was counted."""
    runs = {number: values for (cell, number), values in bench.runs.items() if cell == DENSE}
    reports = [class_report(bench.targets, run, names) for run in runs.values()]
    rates = class_rates(bench.targets, runs, bench.clusters, resamples, seed)
    balanced = [report["balanced_accuracy"] for report in reports]
    return {
        "rates": [
            {"name": one["name"], "count": one["count"], **{key: _told(figure) for key, figure in found.items()}}
            for one, found in zip(reports[0]["classes"], rates, strict=True)
        ],
        "confusion": np.mean([report["confusion"] for report in reports], axis=0).tolist(),
        "balanced_accuracy": None if None in balanced else float(np.mean(balanced)),
        "unknown": reports[0]["unknown"],
        "seeds": len(reports),
    }


def _told(figure: Figure | None, least: float = 0.0) -> dict[str, Any] | None:
    return None if figure is None else figure.interval().within(least).as_dict()


def _bench(rows: pa.Table, names: Sequence[str]) -> _Bench:
    """Rows in any order, arranged by run and sample, and averaged per video."""
    run, sample = np.zeros(len(rows), np.int64), _codes(rows["sample"])
    for column in RUN:
        codes = _codes(rows[column])
        _, run = np.unique(run * (codes.max(initial=0) + 1) + codes, return_inverse=True)
    count = run.max(initial=-1) + 1
    if not count or len(rows) % count:
        raise ClewError("expected test scores in which all runs score the same samples; found others.")
    order = np.lexsort((sample, run)).reshape(count, -1)
    who = rows.select(RUN).take(pa.array(order[:, 0])).to_pylist()
    targets, videos, clusters = _pictures(rows.take(pa.array(order[0])), names)
    values = _probabilities(rows["logits"], len(names))[order]  # (M, N, K)
    flat = values.transpose(0, 2, 1).reshape(-1, len(targets))
    found = per_video(targets, flat, videos, clusters)
    by_run = found.scores.reshape(count, len(names), -1).transpose(0, 2, 1)
    return _Bench(found.labels, found.clusters, {_who(one): values for one, values in zip(who, by_run, strict=True)})


def _who(run: Mapping[str, Any]) -> Place:
    names = (run["method"], run["scope"] or "", run["rewind"] or "", run["controls"] or "")
    return Cell(*names, round(run["level"], 6)), int(run["seed"])


def _pictures(rows: pa.Table, names: Sequence[str]) -> tuple[Array, list[str], list[str]]:
    """Targets (N,), whole names of the videos and clusters of one run's samples; -1 for a method not in `names`."""
    place = {name: number for number, name in enumerate(names) if number}
    labels, forgeries, compressions, videos, clusters, samples = (
        rows[key].to_pylist() for key in ("label", "forgery", "compression", "video", "cluster", "sample")
    )
    targets = [place.get(name, -1) if label else 0 for label, name in zip(labels, forgeries, strict=True)]
    parts = zip(forgeries, compressions, videos, strict=True)
    whole = ["\n".join(part) if part[-1] else "" for part in parts]
    own = zip(clusters, videos, samples, strict=True)
    return np.array(targets), whole, [cluster or video or sample for cluster, video, sample in own]


def _probabilities(logits: pa.ChunkedArray, classes: int) -> Array:
    """Softmax of logits, a list of K for each row, (rows, K)."""
    if not pc.all(pc.equal(pc.fill_null(pc.list_value_length(logits), 0), classes)).as_py():
        raise ClewError(f"expected {classes} logits for every sample, one for each class; found others.")
    return class_probabilities(pc.list_flatten(logits).to_numpy().reshape(-1, classes))


def _codes(column: pa.ChunkedArray) -> Array:
    """Each row's place among the distinct values, which are taken in the order of their first row."""
    return np.asarray(column.combine_chunks().dictionary_encode("encode").indices.to_numpy(zero_copy_only=False))

"""A ladder of several classes: macro AUC of every level, and what the dense nets take each class for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clew.tickets.estimates import Cell
from clew.training.class_intervals import class_figures
from clew.training.class_metrics import class_probabilities, class_report, per_video_probabilities
from clew.training.metrics import Array

RESAMPLES = 1000
DENSE = Cell("dense", "", "", "", 0.0)
Videos = tuple[Array, Array, Array]  # probabilities (V, K), targets (V,), clusters (V,)


def class_table(scores: pa.Table, names: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """Macro AUC, accuracy and the AUC of each class of every cell, per video of the test split, for JSON.

    `scores` has the columns of a ladder and is of one store; `names` (K,) real and the methods. The dense nets come
    with precision, recall and F1 by class and the confusion matrix (rows the truth, columns what was told), both the
    mean over seeds. All cells are measured under the same resamples.
    """
    cells = _by_cell(scores.filter(pc.equal(scores["split"], "test")), names)
    levels = [_level(cell, runs, names, resamples, seed) for cell, runs in sorted(cells.items()) if cell != DENSE]
    dense = _level(DENSE, cells[DENSE], names, resamples, seed)
    reports = [class_report(targets, values, names) for values, targets, _ in cells[DENSE].values()]
    return {"names": list(names), "dense": {**dense, **_means(reports)}, "levels": levels}


def _level(cell: Cell, runs: Mapping[int, Videos], names: Sequence[str], resamples: int, seed: int) -> dict[str, Any]:
    """The intervals of one cell."""
    _, targets, clusters = next(iter(runs.values()))
    values = {number: probabilities for number, (probabilities, _, _) in runs.items()}
    figures = class_figures(targets, values, clusters, resamples, np.random.default_rng(seed))
    place = {"method": cell.method, "controls": cell.controls or None, "target": cell.level}
    return {**place, **figures.as_dict(names)}


def _means(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What has no interval: precision, recall, F1 and counts by class, and the confusion matrix, over the seeds."""
    rates = [
        {
            "name": parts[0]["name"],
            "count": parts[0]["count"],
            **{key: _mean([part[key] for part in parts]) for key in ("precision", "recall", "f1")},
        }
        for parts in zip(*(report["classes"] for report in reports), strict=True)
    ]
    return {
        "rates": rates,
        "confusion": np.mean([report["confusion"] for report in reports], axis=0).tolist(),
        "balanced_accuracy": _mean([report["balanced_accuracy"] for report in reports]),
        "unknown": reports[0]["unknown"],
        "seeds": len(reports),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _by_cell(rows: pa.Table, names: Sequence[str]) -> dict[Cell, dict[int, Videos]]:
    """Each cell's runs by seed, averaged per video."""
    keys = [rows[name].to_pylist() for name in ("method", "scope", "rewind", "controls", "level", "seed")]
    places: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for position, key in enumerate(zip(*keys, strict=True)):
        places[key].append(position)
    found: dict[Cell, dict[int, Videos]] = defaultdict(dict)
    for (method, scope, rewind, controls, level, number), positions in places.items():
        cell = Cell(method, scope or "", rewind or "", controls or "", round(level, 6))
        found[cell][number] = _videos(rows.take(positions), names)
    return found


def _videos(rows: pa.Table, names: Sequence[str]) -> Videos:
    """One run's videos in the order of their samples' names, so that all runs agree on it."""
    rows = rows.sort_by("sample")
    place = {name: number for number, name in enumerate(names)}
    labels, forgeries = rows["label"].to_pylist(), rows["forgery"].to_pylist()
    targets = [place.get(name, -1) if label else 0 for label, name in zip(labels, forgeries, strict=True)]
    parts = zip(forgeries, rows["compression"].to_pylist(), rows["video"].to_pylist(), strict=True)
    videos = ["\n".join(part) if part[-1] else "" for part in parts]
    own = zip(rows["cluster"].to_pylist(), rows["video"].to_pylist(), rows["sample"].to_pylist(), strict=True)
    clusters = [cluster or video or sample for cluster, video, sample in own]
    logits = np.stack(rows["logits"].to_numpy(zero_copy_only=False))
    return per_video_probabilities(class_probabilities(logits), targets, videos, clusters)

"""The table of a ladder: what `clew tickets show LADDER --json` prints, from scores alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from clew.base.errors import ClewError
from clew.tickets.estimates import Cell, Figures, Measured, measure
from clew.tickets.methods.moved import OWNERS, WEIGHTS, moved_name
from clew.tickets.retention import retention
from clew.tickets.verdict import POOLED_FROM, Rung, Verdict, headline, judge, kind_of, pooled
from clew.training.intervals import Estimate, Interval

CONTROL, ONE_SHOT = "random", "one-shot"
_SHARED_DENSE = Cell("dense", "", "", "", 0.0)
_FIRST_METHODS = ("imp", ONE_SHOT)


def ladder_table(
    scores: pa.Table,
    facts: Mapping[str, Any],
    store: str | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """The JSON object of a ladder: every level with its intervals, references and verdict, and the headline.

    `scores` has the columns of `estimates.COLUMNS`, a row per run and sample; AUC and accuracy are per video
    (per picture where there is none) on the test split of `store`, which may be left out when there is one.
    `facts` holds "detector", "dataset", "protocol", "margin", and under "levels" for each run its "method",
    "scope", "rewind", "controls", "level", "seed", "sparsity", "macs_sparsity", "remaining" and "prunable".
    `seed` seeds the R = `resamples` bootstrap resamples, the same for all runs. Raises ClewError when runs
    are scored on different samples, a dense reference is missing, or a level has no facts.
    """
    margin = _margin(facts)
    measured = measure(scores, store, resamples, np.random.default_rng(seed))
    dense = measured.cells.get(_SHARED_DENSE)
    if dense is None:
        raise ClewError("the scores hold no dense run (method dense, level 0) to judge the levels against.")
    levels = sorted((cell for cell in measured.cells if cell.method != "dense"), key=_order)
    verdicts = {cell: _verdict(cell, measured, margin) for cell in levels}
    told = _facts_by_cell(facts["levels"], levels)
    best = _headline_levels(levels)
    return {
        "detector": facts["detector"],
        "dataset": {"name": facts["dataset"]["name"], "hash": facts["dataset"]["hash"]},
        "protocol": facts["protocol"],
        "seeds": len({seed for figures in measured.cells.values() for seed in figures.auc.seeds}),
        "margin": margin,
        "clusters": measured.clusters,
        "dense": _dense_row(dense, measured.clusters),
        "levels": [_row(cell, measured, verdicts[cell], told[cell]) for cell in levels],
        "pooled": _pooled(best, measured),
        "headline": _headline(best, measured, verdicts, told, margin),
    }


def _margin(facts: Mapping[str, Any]) -> float:
    margin = float(facts["margin"])
    if not (math.isfinite(margin) and margin >= 0):
        raise ClewError(f"expected a margin of AUC of 0 or more; found {margin}.")
    return margin


def _order(cell: Cell) -> tuple[Any, ...]:
    return (cell.method, cell.level, cell.scope, cell.rewind, cell.controls)


def _is_control(cell: Cell) -> bool:
    return cell.method == CONTROL or bool(cell.controls)


def _reference(cell: Cell, measured: Measured) -> Figures:
    """The dense figures a level is judged against: trained on for as many steps when it is not rewound."""
    if kind_of(cell.rewind) != "pruned":
        return measured.cells[_SHARED_DENSE]
    budget = cell.controls or cell.method
    for scope in (cell.scope, ""):
        figures = measured.cells.get(Cell("dense", scope, cell.rewind, budget, cell.level))
        if figures is not None:
            return figures
    raise ClewError(
        f"{cell} has no dense run trained on for as many steps (method dense, rewind {cell.rewind}, "
        f"controls {budget}) to be judged against. Let the search finish."
    )


def _control(cell: Cell, measured: Measured) -> Estimate | None:
    """The AUC of the random masks with the layer densities of a level, None when there are none."""
    figures = measured.cells.get(Cell(CONTROL, cell.scope, cell.rewind, cell.method, cell.level))
    return None if figures is None else figures.auc


def _verdict(cell: Cell, measured: Measured, margin: float) -> Verdict:
    """The verdict on a cell; for a control only its `minus_dense` is meant to be read."""
    ticket, dense = measured.cells[cell].auc, _reference(cell, measured).auc
    if ticket.minus(dense) is None:
        raise ClewError(f"{cell} shares no seed with its dense reference: {ticket.seeds} and {dense.seeds}.")
    random = None if _is_control(cell) else _control(cell, measured)
    return judge(ticket, dense, random, margin, measured.clusters, cell.rewind, cell.method)


def _dense_row(dense: Figures, clusters: int) -> dict[str, Any]:
    parts = {"auc": dense.auc, "accuracy": dense.accuracy, "eer": dense.eer, "ap": dense.ap}
    return {name: part.interval(clusters).within().as_dict() for name, part in parts.items() if part is not None}


def _row(cell: Cell, measured: Measured, verdict: Verdict, told: Mapping[str, Any]) -> dict[str, Any]:
    figures, reference, control = measured.cells[cell], _reference(cell, measured), _is_control(cell)
    return {
        "method": cell.method,
        "scope": cell.scope,
        "rewind": cell.rewind,
        "kind": kind_of(cell.rewind, cell.controls or cell.method),
        "target": cell.level,
        **told,
        "auc": figures.auc.interval(measured.clusters).within().as_dict(),
        "accuracy": figures.accuracy.interval(measured.clusters).within().as_dict(),
        "minus_dense": verdict.minus_dense.within(-1.0).as_dict(),
        "minus_random": _optional(verdict.minus_random),
        "minus_one_shot": _minus_one_shot(cell, measured),
        **_minus_own(cell, measured),
        "retention": retention(figures.accuracy, reference.accuracy, measured.clusters, measured.chance),
        "reference": reference.auc.interval(measured.clusters).within().as_dict(),
        "reference_accuracy": reference.accuracy.interval(measured.clusters).within().as_dict(),
        "controls": cell.controls or None,
        "verdict": None if control else verdict.verdict,
        "reason": f"Control of {cell.controls}: not judged." if control else verdict.reason,
    }


def _minus_one_shot(cell: Cell, measured: Measured) -> dict[str, Any] | None:
    """AUC less that of one-shot pruning at the same level; None of controls, and where both are the same trainings."""
    figures, one_shot = measured.cells[cell], measured.cells.get(replace(cell, method=ONE_SHOT))
    if _is_control(cell) or one_shot is None or figures.runs == one_shot.runs:
        return None
    difference = figures.auc.minus(one_shot.auc)
    return _optional(None if difference is None else difference.interval(measured.clusters))


def _minus_own(cell: Cell, measured: Measured) -> dict[str, Any]:
    """Of a ticket brought from other data, its AUC less that of the ticket found on this data; nothing of others."""
    owner = next((name for name in OWNERS if cell.method in [moved_name(name, kind) for kind in WEIGHTS]), None)
    own = measured.cells.get(replace(cell, method=owner)) if owner else None
    if own is None:
        return {}
    difference = measured.cells[cell].auc.minus(own.auc)
    return {"minus_own": _optional(None if difference is None else difference.interval(measured.clusters))}


def _optional(interval: Interval | None) -> dict[str, float | int | None] | None:
    return None if interval is None else interval.within(-1.0).as_dict()


def _facts_by_cell(facts: Iterable[Mapping[str, Any]], cells: Sequence[Cell]) -> dict[Cell, dict[str, Any]]:
    """The mean over seeds of each level's facts; raises ClewError for a level without any."""
    found: dict[Cell, list[Mapping[str, Any]]] = {cell: [] for cell in cells}
    for fact in facts:
        method, scope, rewind, controls = (str(fact[key] or "") for key in ("method", "scope", "rewind", "controls"))
        found.get(Cell(method, scope, rewind, controls, round(float(fact["level"]), 6)), []).append(fact)
    missing = [cell for cell, rows in found.items() if not rows]
    if missing:
        raise ClewError(f"no facts (sparsity and the like) are given for {missing[0]}.")
    keys = ("sparsity", "macs_sparsity", "remaining", "prunable")
    return {cell: {key: _mean([row[key] for row in rows]) for key in keys} for cell, rows in found.items()}


def _mean(values: Sequence[float | None]) -> float | int | None:
    """The mean, or the value itself (whole numbers stay whole) where all are equal; None if unknown."""
    if None in values or all(value == values[0] for value in values):
        return None if None in values else values[0]
    return float(np.mean([value for value in values if value is not None]))


def _headline_levels(levels: Sequence[Cell]) -> list[Cell]:
    """The levels the headline is about: one method (imp, else one-shot, else the first), scope and rewind."""
    tickets = [cell for cell in levels if not _is_control(cell)]
    if not tickets:
        return []
    methods = [cell.method for cell in tickets]
    method = next((name for name in _FIRST_METHODS if name in methods), methods[0])
    first = next(cell for cell in tickets if cell.method == method)
    return [cell for cell in tickets if _same_search(cell, first)]


def _same_search(one: Cell, other: Cell) -> bool:
    return (one.method, one.scope, one.rewind) == (other.method, other.scope, other.rewind)


def _pooled(cells: Sequence[Cell], measured: Measured) -> dict[str, Any] | None:
    pairs = []
    for cell in cells:
        random = _control(cell, measured)
        if random is not None:
            pairs.append((cell.level, measured.cells[cell].auc, random))
    found = pooled(pairs, measured.clusters)
    return None if found is None else {"from": POOLED_FROM, "minus_random": found.within(-1.0).as_dict()}


def _headline(
    cells: Sequence[Cell],
    measured: Measured,
    verdicts: Mapping[Cell, Verdict],
    told: Mapping[Cell, Mapping[str, Any]],
    margin: float,
) -> dict[str, Any]:
    if not cells:
        text = "This ladder holds no ticket yet."
        return {"method": None, "level": None, "sparsity": None, "beats_random": None, "text": text}
    rungs = [_rung(cell, measured, verdicts[cell], told[cell]["sparsity"]) for cell in cells]
    found = headline(rungs, cells[0].method, cells[0].scope, cells[0].rewind, margin, measured.clusters)
    return {
        "method": found.method,
        "level": found.level,
        "sparsity": found.sparsity,
        "beats_random": found.beats_random,
        "text": found.text,
    }


def _rung(cell: Cell, measured: Measured, verdict: Verdict, sparsity: float) -> Rung:
    auc, reference = measured.cells[cell].auc, _reference(cell, measured).auc
    clusters = measured.clusters
    return Rung(cell.level, sparsity, auc.interval(clusters), reference.interval(clusters), verdict)

"""How many weights of each layer each level keeps: the rows of a heatmap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew.reports.series import Series, same_level
from clew.reports.words import percent, whole
from clew.tickets.ladder import Ladder


@dataclass(frozen=True)
class Cell:
    """The share of weights kept, as text and as a shade from 0 to 1, and what it stands for in full."""

    text: str
    shade: float
    told: str


@dataclass(frozen=True)
class Layer:
    """One prunable tensor: its name, its number of weights, and a cell per level."""

    name: str
    size: str
    cells: list[Cell]


@dataclass(frozen=True)
class Heatmap:
    """The densities of one method: layers by levels."""

    name: str
    slot: str
    levels: list[str]
    seeds: int
    layers: list[Layer]
    whole_net: list[Cell]


def heatmaps(ladder: Ladder, judged: Sequence[Series]) -> list[Heatmap]:
    """A heatmap per judged method, the layers in the network's order."""
    order = layer_order(ladder)
    return [_heatmap(ladder, one, order) for one in judged if order]


def layer_order(ladder: Ladder) -> list[str]:
    """The prunable tensors from input to output."""
    runs = ladder.facts["runs"].values()
    return next((list(run["order"]) for run in runs), [])


def _heatmap(ladder: Ladder, series: Series, order: Sequence[str]) -> Heatmap:
    runs = [_runs(ladder, series.method, float(row["target"])) for row in series.rows]
    sizes = {
        name: next(run["layers"][name][1] for run in ladder.facts["runs"].values() if name in run["layers"])
        for name in order
    }
    layers = [
        Layer(name, whole(sizes[name]), [_cell([r["layers"][name] for r in some], name) for some in runs])
        for name in order
    ]
    total = [_cell([[run["remaining"], run["prunable"]] for run in some], "whole network") for some in runs]
    seeds = min((len(some) for some in runs), default=0)
    return Heatmap(series.name, series.slot, [percent(row["sparsity"]) for row in series.rows], seeds, layers, total)


def _runs(ladder: Ladder, method: str, level: float) -> list[Mapping[str, Any]]:
    entries = [
        e
        for e in ladder.facts["entries"]
        if e["method"] == method and not e["controls"] and same_level(e["level"], level)
    ]
    return [ladder.facts["runs"][entry["run"]] for entry in entries]


def _cell(counts: Sequence[Sequence[int]], name: str) -> Cell:
    """Shaded by the square root of the share, so that the last few percent stay apart."""
    shares = [kept / total for kept, total in counts]
    mean = sum(shares) / len(shares)
    seeds = ", ".join(whole(kept) for kept, _ in counts)
    told = f"{name}: {percent(mean, 2)} of {whole(counts[0][1])} weights kept; by seed {seeds}"
    digits = 0 if mean >= 0.0995 else 1 if mean >= 0.00995 else 2
    return Cell(f"{100 * mean:.{digits}f}", round(mean**0.5, 3), told)

"""How many weights of each layer each level keeps: the rows of a heatmap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew.reports.parts import short
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
    """One prunable tensor: its name (within its part of the network), its number of weights, and a cell per level."""

    name: str
    size: str
    cells: list[Cell]


@dataclass(frozen=True)
class Group:
    """The layers of one part of the network; no name where the network names no parts."""

    name: str
    layers: list[Layer]


@dataclass(frozen=True)
class Heatmap:
    """The densities of one method: layers by levels, in groups."""

    name: str
    slot: str
    levels: list[str]
    seeds: int
    groups: list[Group]
    whole_net: list[Cell]


def heatmaps(ladder: Ladder, judged: Sequence[Series], parts: Mapping[str, Any] | None = None) -> list[Heatmap]:
    """A heatmap per judged method, the layers in the network's order, by part where it names any (`parts_table`)."""
    order = layer_order(ladder)
    groups = _grouped(order, parts)
    return [_heatmap(ladder, one, groups) for one in judged if order]


def _grouped(order: Sequence[str], parts: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """The tensors of each part, in the network's order."""
    if not parts:
        return {"": list(order)}
    of = parts["tensors"]
    return {name: [tensor for tensor in order if of[tensor] == name] for name in parts["names"]}


def layer_order(ladder: Ladder) -> list[str]:
    """The prunable tensors from input to output."""
    runs = ladder.facts["runs"].values()
    return next((list(run["order"]) for run in runs), [])


def _heatmap(ladder: Ladder, series: Series, groups: Mapping[str, Sequence[str]]) -> Heatmap:
    runs = [_runs(ladder, series.method, float(row["target"])) for row in series.rows]
    found = [Group(name, _layers(ladder, tensors, runs, bool(name))) for name, tensors in groups.items()]
    total = [_cell([[run["remaining"], run["prunable"]] for run in some], "whole network") for some in runs]
    seeds = min((len(some) for some in runs), default=0)
    return Heatmap(series.name, series.slot, [percent(row["sparsity"]) for row in series.rows], seeds, found, total)


def _layers(
    ladder: Ladder, tensors: Sequence[str], runs: Sequence[Sequence[Mapping[str, Any]]], within: bool
) -> list[Layer]:
    """A row per tensor; `within` a part, what all its names begin with is left out."""
    every = ladder.facts["runs"].values()
    cut = len(_shared(tensors)) if within and len(tensors) > 1 else 0
    return [
        Layer(
            name[cut:],
            whole(next(run["layers"][name][1] for run in every if name in run["layers"])),
            [_cell([run["layers"][name] for run in some], name) for some in runs],
        )
        for name in tensors
    ]


def _shared(names: Sequence[str]) -> str:
    """The modules that all names begin with: `blocks.0.`."""
    paths = [name.split(".")[:-2] for name in names]
    shared = [level[0] for level in zip(*paths, strict=False)]
    same = [all(path[: at + 1] == shared[: at + 1] for path in paths) for at in range(len(shared))]
    return "".join(f"{one}." for one, fits in zip(shared, same, strict=True) if fits)


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
    return Cell(short(mean), round(mean**0.5, 3), told)

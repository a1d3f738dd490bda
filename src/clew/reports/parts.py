"""Which parts of a network, its blocks and heads, keep their weights at each level: the rows of a heatmap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.reports.series import Series, same_level
from clew.reports.words import NONE as DASH
from clew.reports.words import counted, percent, whole

Row = tuple[str, str, list["Cell"]]  # name, number of weights, a cell per level


@dataclass(frozen=True)
class Cell:
    """The mean share kept in percent, its range over seeds where they differ, a shade, and all of it in words."""

    text: str
    range: str
    shade: float
    told: str


@dataclass(frozen=True)
class PartMap:
    """One method: a row of cells per part, a column per level; `seeds` the fewest of a level."""

    name: str
    slot: str
    levels: list[str]
    seeds: int
    rows: list[Row]
    whole_net: Row


def part_maps(summary: Mapping[str, Any], judged: Sequence[Series]) -> list[PartMap]:
    """A map per judged method; none where the network names no parts."""
    parts = summary.get("parts")
    return [_map(parts, series) for series in judged] if parts else []


def _map(parts: Mapping[str, Any], series: Series) -> PartMap:
    levels = [_level(parts, series.method, float(row["target"])) for row in series.rows]
    rows = [
        (name, whole(weights), [_cell(name, weights, level["kept"][at]) for level in levels])
        for at, (name, weights) in enumerate(zip(parts["names"], parts["weights"], strict=True))
    ]
    total = sum(parts["weights"])
    whole_net = (
        "Whole network",
        whole(total),
        [_cell("whole network", total, _together(parts, one)) for one in levels],
    )
    seeds = min((int(level["n"]) for level in levels), default=0)
    return PartMap(series.name, series.slot, [percent(row["sparsity"]) for row in series.rows], seeds, rows, whole_net)


def _together(parts: Mapping[str, Any], level: Mapping[str, Any]) -> dict[str, Any]:
    """What all parts keep together, seed by seed."""
    by_seed = np.average([one["seeds"] for one in level["kept"]], axis=0, weights=parts["weights"]).tolist()
    return {"mean": float(np.mean(by_seed)), "min": min(by_seed), "max": max(by_seed), "seeds": by_seed}


def _level(parts: Mapping[str, Any], method: str, target: float) -> Mapping[str, Any]:
    return next(one for one in parts["levels"] if one["method"] == method and same_level(float(one["target"]), target))


def _cell(name: str, weights: int, kept: Mapping[str, Any]) -> Cell:
    """Shaded by the square root of the share, as the layers are."""
    ends = [short(kept[end]) for end in ("min", "max")]
    seeds = kept["seeds"]
    spread = DASH.join(ends) if ends[0] != ends[1] else ""
    shares = ", ".join(percent(share, 2) for share in seeds)
    told = (
        f"{name}: {percent(kept['mean'], 2)} of {whole(weights)} weights kept, {counted(len(seeds), 'seed')}: {shares}"
    )
    return Cell(short(kept["mean"]), spread, round(kept["mean"] ** 0.5, 3), told)


def short(share: float) -> str:
    """A share in percent with two figures, `42`, `4.2` or `0.42`."""
    digits = 0 if share >= 0.0995 else 1 if share >= 0.00995 else 2
    return f"{100 * share:.{digits}f}"

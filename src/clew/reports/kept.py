"""What tickets keep of the dense accuracy, and how far they are ahead of one-shot pruning: the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clew.reports.series import tickets
from clew.reports.words import NONE, counted, limits, number, percent

Pair = tuple[str, str]


@dataclass(frozen=True)
class Kept:
    """One line, every number as text with its limits."""

    method: str
    slot: str
    target: str
    accuracy: Pair
    share: Pair
    above_chance: Pair
    one_shot: Pair
    seeds: str


def kept_rows(summary: Mapping[str, Any]) -> list[Kept]:
    """A line for each level of each judged method."""
    return [_row(row, series.name, series.slot) for series in tickets(summary) for row in series.rows]


def _row(row: Mapping[str, Any], name: str, slot: str) -> Kept:
    kept = row["retention"]
    return Kept(
        name,
        slot,
        percent(row["target"]),
        _pair(row["accuracy"]),
        _pair(kept["accuracy"]),
        _pair(kept["above_chance"]),
        _pair(row["minus_one_shot"], signed=True),
        counted(row["accuracy"]["n"], "seed"),
    )


def _pair(interval: Mapping[str, Any] | None, signed: bool = False) -> Pair:
    if interval is None:
        return NONE, ""
    return number(interval["mean"], signed=signed), limits(interval, signed=signed)

"""A ladder's summary as lines to draw: one per method, the headline's first, controls last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clew.reports.words import method_name
from clew.tickets.verdict import MINIMUM_CLUSTERS, MINIMUM_SEEDS

HELD = ("winning", "matching", "pruned")
_SLOTS = {"imp": "s1", "one-shot": "s2", "gradual": "s3", "snip": "s4", "grasp": "s5", "synflow": "s6"}
_SPARE = ("s3", "s4", "s5", "s6")
CONTROL_SLOTS = {"random": "s0", "reinit": "s7", "shuffled": "s8"}


@dataclass(frozen=True)
class Series:
    """The levels of one method (or of the control of one), from the lowest; `slot` is its colour and mark."""

    method: str
    controls: str
    slot: str
    rows: list[dict[str, Any]] = field(repr=False)

    @property
    def name(self) -> str:
        """The method as people write it."""
        return method_name(self.method, self.controls or None)

    @property
    def short(self) -> str:
        """The name as it fits beside a line."""
        return method_name(self.method)


def lead_method(summary: Mapping[str, Any]) -> str | None:
    """The method that the headline is about, else the first that is judged."""
    if summary["headline"]["method"]:
        return str(summary["headline"]["method"])
    return next((str(row["method"]) for row in summary["levels"] if not row["controls"]), None)


def shown_level(summary: Mapping[str, Any]) -> float | None:
    """The headline's level; where there is none, the sparsest that was tried with its method."""
    if summary["headline"]["level"] is not None:
        return float(summary["headline"]["level"])
    lead = lead_method(summary)
    return max(
        (float(r["target"]) for r in summary["levels"] if r["method"] == lead and not r["controls"]), default=None
    )


def tickets(summary: Mapping[str, Any]) -> list[Series]:
    """The judged methods, the headline's first."""
    lead = lead_method(summary)
    names = sorted(
        {str(row["method"]) for row in summary["levels"] if not row["controls"]}, key=lambda n: (n != lead, n)
    )
    spare = iter(_SPARE * len(names))
    return [Series(n, "", _SLOTS.get(n) or next(spare), _rows(summary, n, "")) for n in names]


def controls(summary: Mapping[str, Any]) -> list[Series]:
    """The controls, those of the headline's method first."""
    lead = lead_method(summary)
    pairs = {(str(row["method"]), str(row["controls"])) for row in summary["levels"] if row["controls"]}
    return [
        Series(name, owner, CONTROL_SLOTS.get(name, "s0"), _rows(summary, name, owner))
        for name, owner in sorted(pairs, key=lambda pair: (pair[1] != lead, pair))
    ]


def drawn(summary: Mapping[str, Any]) -> list[Series]:
    """What the curves show: every judged method, and the controls of the headline's alone."""
    lead = lead_method(summary)
    beside = (one for one in controls(summary) if one.controls == lead and one.method in CONTROL_SLOTS)
    return [*tickets(summary), *beside]


def _rows(summary: Mapping[str, Any], method: str, owner: str) -> list[dict[str, Any]]:
    rows = [row for row in summary["levels"] if (row["method"], row["controls"] or "") == (method, owner)]
    return sorted(rows, key=lambda row: float(row["target"]))


def same_level(one: float, other: float) -> bool:
    """Whether two targets are one: summaries round them to six decimals."""
    return abs(one - other) < 1e-6


def clears(interval: Mapping[str, Any], bound: float, clusters: int) -> bool:
    """Whether an interval lies above a bound, with the seeds and clusters that a verdict needs."""
    enough = interval["n"] >= MINIMUM_SEEDS and clusters >= MINIMUM_CLUSTERS
    return bool(enough and interval["low"] is not None and interval["low"] > bound)


def row_at(series: Series, level: float | None) -> dict[str, Any] | None:
    """The row of a level, None where there is none."""
    return next((row for row in series.rows if level is not None and same_level(row["target"], level)), None)

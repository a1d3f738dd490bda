"""Differences to dense and to random, level by level: where each interval lies beside the line it must clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from clew.reports.scales import Linear, domain, ticks
from clew.reports.series import HELD, Series, clears, tickets
from clew.reports.svg import joined, tag
from clew.reports.words import exactly, limits, number, spoken

TRACK, AXIS = 30, 22
BADGES = {"losing": ("fails", "Fails"), "undecided": ("open", "Undecided")}


@dataclass(frozen=True)
class Gap:
    """One difference of one level: a drawing and its numbers."""

    drawing: Markup
    mean: str
    limits: str


@dataclass(frozen=True)
class Step:
    """One level: its sparsity, both differences, the verdict as a badge, and why."""

    sparsity: str
    dense: Gap
    random: Gap | None
    badge: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class Steps:
    """The levels of one method."""

    name: str
    slot: str
    rows: list[Step]


@dataclass(frozen=True)
class GapChart:
    """All levels, and the axes they share."""

    dense_axis: Markup
    random_axis: Markup
    methods: list[Steps]


@dataclass(frozen=True)
class _Side:
    """One column: its scale, the bound that its intervals must clear, and the test clusters behind them."""

    scale: Linear
    bound: float
    clusters: int


def gap_chart(summary: Mapping[str, Any]) -> GapChart | None:
    """The chart of all judged methods; None when there is no level."""
    judged = tickets(summary)
    if not judged:
        return None
    margin, clusters = float(summary["margin"]), int(summary["clusters"])
    dense = _Side(_scale(judged, "minus_dense", [0.0, -margin]), -margin, clusters)
    random = _Side(_scale(judged, "minus_random", [0.0]), 0.0, clusters)
    steps = [Steps(one.name, one.slot, [_step(row, one, dense, random) for row in one.rows]) for one in judged]
    controlled = any(row["minus_random"] for one in judged for row in one.rows)
    random_axis = _axis(random.scale, "difference to random") if controlled else Markup("")
    return GapChart(_axis(dense.scale, "difference to dense"), random_axis, steps)


def badge_of(verdict: str | None) -> tuple[str, str]:
    """The class and the words of a verdict's badge."""
    if verdict in HELD:
        return "holds", f"Holds: {verdict}"
    return BADGES.get(verdict or "", ("none", "Not judged"))


def _scale(judged: Sequence[Series], key: str, always: Sequence[float]) -> Linear:
    """Both ends in percent of the width; as wide as the widest interval."""
    values = list(always)
    for one in judged:
        for row in one.rows:
            values += [
                float(row[key][end]) for end in ("mean", "low", "high") if row[key] and row[key][end] is not None
            ]
    low, high = domain(values, least=0.04)
    return Linear(low, high, 2.0, 98.0)


def _step(row: Mapping[str, Any], series: Series, dense: _Side, random: _Side) -> Step:
    badge, verdict = badge_of(row["verdict"])
    name = f"{series.name} at {exactly(row['sparsity'])}"
    against = row["minus_random"]
    return Step(
        exactly(row["sparsity"]),
        _gap(row["minus_dense"], dense, f"{name}, minus dense", series.slot),
        _gap(against, random, f"{name}, minus random", series.slot) if against else None,
        badge,
        verdict,
        row["reason"],
    )


def _gap(interval: Mapping[str, Any], side: _Side, name: str, slot: str) -> Gap:
    told = f"{name}: {spoken(interval, signed=True)}"
    parts = [tag("title", told), *_rules(side.scale, side.bound, TRACK)]
    if interval["low"] is not None:
        ends = {"x1": _share(side.scale(interval["low"])), "x2": _share(side.scale(interval["high"]))}
        parts.append(tag("line", **ends, y1=TRACK / 2, y2=TRACK / 2, class_="span"))
    kind = "dot" if clears(interval, side.bound, side.clusters) else "dot hollow"
    parts.append(tag("circle", cx=_share(side.scale(interval["mean"])), cy=TRACK / 2, r=5, class_=kind))
    drawing = tag("svg", *parts, width="100%", height=TRACK, role="img", aria_label=told, class_=f"track pt {slot}")
    return Gap(drawing, number(interval["mean"], signed=True), limits(interval, signed=True))


def _rules(scale: Linear, bound: float, height: float) -> list[Markup]:
    """The line of no difference, and the one that the interval must clear."""
    places = [("zero", 0.0), ("bound", bound)]
    return [tag("line", x1=_share(scale(v)), x2=_share(scale(v)), y1=0, y2=height, class_=kind) for kind, v in places]


def _axis(scale: Linear, label: str) -> Markup:
    parts = []
    marked = ticks(scale.low, scale.high, 5)
    digits = 3 if any(abs(value * 100 - round(value * 100)) > 1e-6 for value in marked) else 2
    for at, value in enumerate(marked):
        x = _share(scale(value))
        text = "0" if value == 0 else number(value, digits, signed=True)
        thin = "" if (at - marked.index(0.0) if 0.0 in marked else at) % 2 == 0 else " thin"
        parts.append(tag("text", text, x=x, y=13, class_=f"tick {_anchor(scale(value))}{thin}"))
        parts.append(tag("line", x1=x, x2=x, y1=17, y2=AXIS, class_="base"))
    return tag("svg", joined(parts), width="100%", height=AXIS, role="img", aria_label=f"Axis: {label}", class_="track")


def _anchor(place: float) -> str:
    """Labels near an edge stay within it."""
    return "start" if place < 8 else "end" if place > 92 else "mid"


def _share(value: float) -> str:
    return f"{value:.2f}%"

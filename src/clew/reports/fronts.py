"""Accuracy against a cost: points with their intervals, and the Pareto front, which nothing cheaper is above."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from clew.reports.scales import Linear, domain, spread, ticks
from clew.reports.svg import Point as Place
from clew.reports.svg import canvas, path, tag
from clew.reports.words import large, number
from clew.tickets.latency_table import front

WIDTH, HEIGHT = 560.0, 372.0
LEFT, RIGHT, TOP, BOTTOM = 50.0, 536.0, 22.0, 318.0
NEAR, MARGIN = 40.0, 1.3  # units between labels that would touch; free room beside the points
BESIDE, LABEL_GAP = 26.0, 15.0


@dataclass(frozen=True)
class Point:
    """One net: label and colour, its cost, with quartiles where it has them, the interval of its AUC, all in words."""

    label: str
    slot: str
    cost: float
    spread: tuple[float, float] | None
    auc: Mapping[str, Any]
    told: str


@dataclass(frozen=True)
class Logarithm:
    """Costs from `low` to `high`, above 0, by their logarithm."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """1, 2 and 5 times powers of ten."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        return [one for power in powers for one in (10.0**power, 2 * 10.0**power, 5 * 10.0**power) if self._has(one)]

    def _has(self, value: float) -> bool:
        return self.low <= value <= self.high


def front_chart(points: Sequence[Point], axis: str) -> Markup:
    """AUC against cost; points of the front are full and joined by its line, others hollow."""
    costs = [point.cost for point in points]
    x = _scale(costs)
    ends = [float(p.auc[end]) for p in points for end in ("mean", "low", "high") if p.auc[end] is not None]
    y = Linear(*domain(ends, top=1.0), BOTTOM, TOP)
    best = front(costs, [float(point.auc["mean"]) for point in points])
    places = [(x(point.cost), _within(y(float(point.auc["mean"])))) for point in points]
    return canvas(
        WIDTH,
        HEIGHT,
        f"AUC against {axis}. {'; '.join(point.told for point in points)}.",
        _axes(x, y, axis),
        tag("g", tag("path", d=path(_steps([places[at] for at in best])), class_="line slim"), class_="s s1"),
        *(_mark(point, places[at], x, y, at in best) for at, point in enumerate(points)),
        *_labels(points, places),
        class_="chart curves",
    )


def _scale(costs: Sequence[float]) -> Logarithm:
    """Room for all costs, and never less than from a half to the double of their middle: equal ones look equal."""
    middle = math.sqrt(min(costs) * max(costs))
    low, high = min(min(costs) / MARGIN, middle / 2), max(max(costs) * MARGIN, middle * 2)
    return Logarithm(low, high, LEFT + 8, RIGHT)


def _within(y: float) -> float:
    return min(max(y, TOP), BOTTOM)


def _steps(places: Sequence[Place]) -> list[Place]:
    """What can be had for at most each cost: level until the next of the front, then up to it."""
    found: list[Place] = []
    for px, py in places:
        found += [(px, found[-1][1]), (px, py)] if found else [(px, py)]
    return [*found, (RIGHT, found[-1][1])] if found else []


def _axes(x: Logarithm, y: Linear, axis: str) -> Markup:
    parts = []
    for value in ticks(y.low, y.high):
        at = y(value)
        parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=at, y2=at, class_="grid"))
        parts.append(
            tag("text", number(value, 3 if y.high - y.low < 0.06 else 2), x=LEFT - 8, y=at + 4, class_="tick end")
        )
    parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=BOTTOM, y2=BOTTOM, class_="base"))
    for value in x.ticks():
        at = x(value)
        parts.append(tag("line", x1=at, x2=at, y1=BOTTOM, y2=BOTTOM + 5, class_="base"))
        parts.append(
            tag("text", large(value) if value >= 1000 else f"{value:g}", x=at, y=BOTTOM + 21, class_="tick mid")
        )
    parts.append(tag("text", axis, x=(LEFT + RIGHT) / 2, y=HEIGHT - 10, class_="axis mid"))
    return tag("g", *parts, aria_hidden="true")


def _mark(point: Point, place: Place, x: Logarithm, y: Linear, best: bool) -> Markup:
    px, py = place
    parts = [tag("title", point.told), tag("circle", cx=px, cy=py, r=11, class_="hit")]
    if point.auc["low"] is not None:
        low, high = (_within(y(float(point.auc[end]))) for end in ("low", "high"))
        parts.append(tag("line", x1=px, x2=px, y1=low, y2=high, class_="whisker"))
    if point.spread is not None:
        left, right = (min(max(x(max(end, x.low)), LEFT), RIGHT) for end in point.spread)
        parts.append(tag("line", x1=left, x2=right, y1=py, y2=py, style="stroke: var(--c); stroke-width: 2"))
    parts.append(tag("circle", cx=px, cy=py, r=4.4, class_="mark" if best else "mark hollow"))
    return tag("g", *parts, class_=f"pt s {point.slot}")


def _labels(points: Sequence[Point], places: Sequence[Place]) -> list[Markup]:
    """Names above the points; those of points side by side stand in a column at their right."""
    found = []
    for group in _groups(places):
        if len(group) == 1:
            (px, py), point = places[group[0]], points[group[0]]
            found.append(tag("text", point.label, x=px, y=py - 12, class_=f"name mid {point.slot}"))
            continue
        column = max(places[at][0] for at in group) + BESIDE
        heights = spread([places[at][1] for at in group], LABEL_GAP, TOP, BOTTOM)
        for at, height in zip(group, heights, strict=True):
            (px, py), point = places[at], points[at]
            lead = path([(px + 6, py), (column - 4, height)])
            found.append(tag("path", d=lead, class_=f"lead {point.slot}"))
            found.append(tag("text", point.label, x=column, y=height + 4, class_=f"name {point.slot}"))
    return found


def _groups(places: Sequence[Place]) -> list[list[int]]:
    """Points whose names would touch, from left to right."""
    found: list[list[int]] = []
    for at in sorted(range(len(places)), key=lambda at: places[at]):
        if found and places[at][0] - places[found[-1][-1]][0] < NEAR:
            found[-1].append(at)
        else:
            found.append([at])
    return found

"""The drawings of an evaluation's page: intervals by part, reliability, and how figures fall under corruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from clew.reports.cells import COLUMNS, Cell, cell
from clew.reports.scales import Linear, domain, ticks
from clew.reports.svg import Point, band, canvas, path, tag
from clew.reports.words import NONE, limits, number, spoken, whole

TRACK = 26
SIDE, LOW, HIGH = 380.0, 44.0, 370.0
WIDTH, HEIGHT = 260.0, 176.0
LEFT, RIGHT, TOP, BOTTOM = 42.0, 250.0, 10.0, 132.0


@dataclass(frozen=True)
class Bar:
    """One part of a store: a drawing of its AUC's interval, and its figures."""

    name: str
    counts: str
    drawing: Markup
    auc: Cell
    accuracy: Cell


def bars(found: Sequence[Mapping[str, Any]], unit: str) -> list[Bar]:
    """The parts of a store (methods, or compressions), their intervals on one axis from chance or below up to 1."""
    told = [(_part_name(part), part[unit]) for part in found if part[unit] is not None]
    ends = [figures["auc"][end] for _, figures in told if figures["auc"] for end in ("mean", "low")]
    low, _ = domain([0.5, *(float(end) for end in ends if end is not None)], least=0.1, top=1.0)
    scale = Linear(max(0.0, low), 1.0, 2.0, 98.0)
    return [_bar(name, figures, scale) for name, figures in told]


def _part_name(part: Mapping[str, Any]) -> str:
    return ", ".join(name for name in (part["method"], part["compression"]) if name)


def _bar(name: str, figures: Mapping[str, Any], scale: Linear) -> Bar:
    auc = figures["auc"]
    counts = f"{whole(figures['fakes'])} + {whole(figures['reals'])}"
    cells = [cell(key, figures[key], None) for key in ("auc", "accuracy")]
    return Bar(name, counts, _track(name, auc, scale), *cells)


def _track(name: str, auc: Mapping[str, Any] | None, scale: Linear) -> Markup:
    said = f"{name}: AUC {NONE if auc is None else spoken(auc)}"
    parts = [tag("title", said), _rule(scale, 0.5, "bound"), _rule(scale, 1.0, "zero")]
    if auc is not None:
        if auc["low"] is not None:
            ends = {"x1": _share(scale(max(scale.low, auc["low"]))), "x2": _share(scale(min(1.0, auc["high"])))}
            parts.append(tag("line", **ends, y1=TRACK / 2, y2=TRACK / 2, class_="span"))
        kind = "dot" if auc["low"] is not None and auc["low"] > 0.5 else "dot hollow"
        parts.append(tag("circle", cx=_share(scale(auc["mean"])), cy=TRACK / 2, r=5, class_=kind))
    return tag("svg", *parts, width="100%", height=TRACK, role="img", aria_label=said, class_="track pt s1")


def _rule(scale: Linear, value: float, kind: str) -> Markup:
    at = _share(scale(value))
    return tag("line", x1=at, x2=at, y1=0, y2=TRACK, class_=kind)


def _share(value: float) -> str:
    return f"{value:.2f}%"


def reliability_chart(found: Mapping[str, Any]) -> Markup:
    """Share of fakes against the probability told, by bins, before and after the stored calibration."""
    x, y = Linear(0.0, 1.0, LOW, HIGH), Linear(0.0, 1.0, SIDE - LOW, 8.0)
    lines = [("before", "s0", found["before"])] + ([("after", "s1", found["after"])] if found["after"] else [])
    parts = [_square(x, y), tag("path", d=path([(x(0), y(0)), (x(1), y(1))]), class_="floor")]
    for name, slot, one in lines:
        filled = [row for row in one["bins"] if row["mean"] is not None]
        points = [(x(row["mean"]), y(row["share"])) for row in filled]
        marks = [_bin(name, row, at, slot) for row, at in zip(filled, points, strict=True)]
        parts.append(tag("g", tag("path", d=path(points), class_="line slim"), *marks, class_=f"s {slot}"))
    said = "; ".join(f"{name}: calibration error {spoken(one['ece'])}" for name, _, one in lines)
    return canvas(SIDE, SIDE, f"Reliability diagram. {said}", *parts)


def _bin(name: str, row: Mapping[str, Any], at: Point, slot: str) -> Markup:
    told = f"{name}: told {number(row['mean'])}, fakes {number(row['share'])}, {whole(row['count'])} scores"
    radius = 2.5 + 6 * row["weight"] ** 0.5
    kind = "mark hollow" if slot == "s0" else "mark"
    return tag("g", tag("title", told), tag("circle", cx=at[0], cy=at[1], r=radius, class_=kind), class_="pt")


def _square(x: Linear, y: Linear) -> Markup:
    parts = []
    for value in (0.0, 0.5, 1.0):
        parts.append(tag("line", x1=LOW, x2=HIGH, y1=y(value), y2=y(value), class_="grid"))
        parts.append(tag("text", number(value, 1), x=LOW - 6, y=y(value) + 4, class_="tick end"))
        parts.append(tag("text", number(value, 1), x=x(value), y=SIDE - LOW + 17, class_="tick mid"))
    title = tag("text", "probability of fake that is told", x=(LOW + HIGH) / 2, y=SIDE - 4, class_="axis mid")
    return tag("g", *parts, title, aria_hidden="true")


@dataclass(frozen=True)
class Panel:
    """One corruption: its name, and AUC against its levels."""

    title: str
    drawing: Markup


def figure_of(found: Mapping[str, Any], unit: str) -> str:
    """What corruption is told by: AUC, or accuracy where there is one class only."""
    return "accuracy" if found["clean"][unit]["auc"] is None else "auc"


def robustness_panels(found: Mapping[str, Any], unit: str) -> list[Panel]:
    """A panel for each corruption on shared axes, the pictures left alone at the left of each."""
    name = figure_of(found, unit)
    clean = found["clean"][unit][name]
    every = [clean, *(level[unit][name] for one in found["corruptions"] for level in one["levels"])]
    low, high = domain([float(one[e]) for one in every for e in ("mean", "low", "high") if one[e] is not None], top=1.0)
    y = Linear(low, high, BOTTOM, TOP)
    return [
        Panel(
            f"{one['title']}: {one['unit']}",
            _panel(one, [clean, *(level[unit][name] for level in one["levels"])], name, y),
        )
        for one in found["corruptions"]
    ]


def _panel(one: Mapping[str, Any], told: Sequence[Mapping[str, Any]], name: str, y: Linear) -> Markup:
    names = ["clean", *(_level(level["level"]) for level in one["levels"])]
    x = Linear(0.0, float(len(told) - 1), LEFT + 14, RIGHT - 8)
    points = [(x(at), _inside(y(figure["mean"]))) for at, figure in enumerate(told)]
    known = [(at, figure) for at, figure in enumerate(told) if figure["low"] is not None]
    above, below = ([(x(at), _inside(y(figure[end]))) for at, figure in known] for end in ("high", "low"))
    marks = [_mark(f"{at}: {COLUMNS[name]} {spoken(one)}", p) for at, one, p in zip(names, told, points, strict=True)]
    level = tag("path", d=path([(LEFT, points[0][1]), (RIGHT, points[0][1])]), class_="floor")
    drawn = [tag("path", d=band(above, below), class_="band"), tag("path", d=path(points), class_="line"), *marks]
    label = f"{COLUMNS[name]} under {one['title']}: " + ", ".join(
        f"{at} {spoken(figure)}" for at, figure in zip(names, told, strict=True)
    )
    return canvas(
        WIDTH, HEIGHT, label, _axes(x, y, names), level, tag("g", *drawn, class_="s s1"), class_="chart panel"
    )


def _level(value: float) -> str:
    return f"{value:g}"


def _inside(y: float) -> float:
    return min(max(y, TOP), BOTTOM)


def _mark(told: str, at: Point) -> Markup:
    return tag("g", tag("title", told), tag("circle", cx=at[0], cy=at[1], r=3.6, class_="mark"), class_="pt")


def _axes(x: Linear, y: Linear, names: Sequence[str]) -> Markup:
    parts = []
    for value in ticks(y.low, y.high, 4):
        parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=y(value), y2=y(value), class_="grid"))
        parts.append(tag("text", number(value, 2), x=LEFT - 5, y=y(value) + 4, class_="tick end"))
    for at, name in enumerate(names):
        parts.append(tag("text", name, x=x(at), y=BOTTOM + 19, class_="tick mid"))
    return tag("g", *parts, aria_hidden="true")


@dataclass(frozen=True)
class Fall:
    """One level of one corruption as a line of the table: AUC or accuracy, and its change."""

    name: str
    level: str
    figure: Cell
    change: Cell
    shade: float


def falls(found: Mapping[str, Any], unit: str) -> list[Fall]:
    """Every corruption and level with its figure and the paired difference from the clean pictures."""
    name = figure_of(found, unit)
    return [_fall(one, level, level[unit], name) for one in found["corruptions"] for level in one["levels"]]


def _fall(one: Mapping[str, Any], level: Mapping[str, Any], figures: Mapping[str, Any], name: str) -> Fall:
    change = figures[f"{name}_minus_clean"]
    lost = 0.0 if change is None else max(0.0, -float(change["mean"])) / 0.5
    minus = _signed(change)
    return Fall(one["title"], _level(level["level"]), cell(name, figures[name], None), minus, round(min(1, lost), 3))


def _signed(found: Mapping[str, Any] | None) -> Cell:
    if found is None:
        return Cell(NONE, "", None, "")
    return Cell(number(found["mean"], signed=True), limits(found, signed=True), None, spoken(found, signed=True))

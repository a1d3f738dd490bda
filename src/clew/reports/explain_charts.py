"""The drawings of an explanation: a measure against sparsity, curves of removed pixels, and bands of frequency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from clew.reports.scales import Linear, WeightsLeft, domain, spread, ticks
from clew.reports.svg import Point, band, canvas, joined, path, tag
from clew.reports.words import exactly, number, percent, spoken

WIDTH, HEIGHT = 400.0, 272.0
LEFT, RIGHT, TOP, BOTTOM = 50.0, 322.0, 12.0, 226.0
LABEL_GAP, TICK_GAP = 16.0, 38.0
MOST_TICKS = 5
Figure = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """A figure at rising sparsity; points without one are left out."""

    name: str
    slot: str
    points: Sequence[tuple[float, Figure | None]]


@dataclass(frozen=True)
class Level:
    """A figure that does not depend on sparsity: a line from side to side."""

    name: str
    slot: str
    figure: Figure | None


@dataclass(frozen=True)
class Panel:
    """One measure: its name, how to read it, and the drawing."""

    title: str
    unit: str
    drawing: Markup


@dataclass(frozen=True)
class _Frame:
    x: WeightsLeft | Linear
    y: Linear

    def at(self, across: float, value: float) -> Point:
        return self.x(across), min(max(self.y(value), TOP), BOTTOM)


def against_sparsity(
    title: str, unit: str, lines: Sequence[Line], levels: Sequence[Level] = (), zero: bool = False
) -> Panel | None:
    """A panel of lines with their intervals as bands, and of level lines; None where there is nothing to draw.

    `zero`: 0 is on the axis and drawn as a line.
    """
    lines = [Line(one.name, one.slot, [(s, f) for s, f in one.points if f is not None]) for one in lines]
    lines = [one for one in lines if one.points]
    levels = [one for one in levels if one.figure is not None]
    if not lines:
        return None
    sparsities = sorted({round(sparsity, 3) for line in lines for sparsity, _ in line.points})
    y = _scale([f for line in lines for _, f in line.points] + [one.figure for one in levels], zero)
    frame = _Frame(WeightsLeft(max(sparsities[-1], 0.01), LEFT + 8, RIGHT - 4), y)
    said = "; ".join(_said(line) for line in lines) + "".join(f"; {one.name}: {_told(one.figure)}" for one in levels)
    drawing = canvas(
        WIDTH,
        HEIGHT,
        f"{title} against sparsity. {said}.",
        _grid(frame),
        _sparsities(frame.x, sparsities),
        _nothing(frame) if zero else Markup(""),
        *(_across(frame, one) for one in levels),
        *(_stroke(frame, line, title) for line in lines),
        _names(frame, lines, levels),
        class_="chart panel",
    )
    return Panel(title, unit, drawing)


def removal(title: str, unit: str, curves: Sequence[tuple[str, str, Sequence[float] | None]]) -> Panel | None:
    """Mean probability as pixels are removed (shown) step by step; a curve is its name, its slot and its values."""
    known = [(name, slot, values) for name, slot, values in curves if values]
    if not known:
        return None
    frame = _Frame(Linear(0.0, 1.0, LEFT + 8, RIGHT - 4), Linear(0.0, 1.0, BOTTOM, TOP))
    drawn, ends = [], []
    for _, slot, values in known:
        points = [frame.at(at / (len(values) - 1), value) for at, value in enumerate(values)]
        drawn.append(tag("g", tag("path", d=path(points), class_="line"), class_=f"s {slot}"))
        ends.append(points[-1])
    said = "; ".join(f"{name}: from {number(v[0], 2)} to {number(v[-1], 2)}" for name, _, v in known)
    names = [(name, slot) for name, slot, _ in known]
    return Panel(
        title,
        unit,
        canvas(
            WIDTH,
            HEIGHT,
            f"{title}. {said}.",
            _grid(frame),
            _shares(frame.x),
            *drawn,
            _labels(names, ends),
            class_="chart panel",
        ),
    )


def ring_bars(
    title: str, unit: str, rings: Sequence[str], nets: Sequence[tuple[str, str, Sequence[Figure | None]]]
) -> Panel:
    """Bars for each ring of frequency, side by side for each net, with the interval as a thin line."""
    values = [f for _, _, figures in nets for f in figures if f is not None]
    y = _scale(values, True)
    slot = (RIGHT - LEFT) / len(rings)
    width = slot * 0.74 / len(nets)
    parts, said = [], []
    for place, (name, kind, figures) in enumerate(nets):
        for at, found in enumerate(figures):
            if found is not None:
                x = LEFT + at * slot + slot * 0.13 + place * width
                parts.append(_bar(x, width - 1.5, found, y, kind, f"{name}, {rings[at]}: {_told(found)}"))
        told = (f"{ring} {_told(f)}" for ring, f in zip(rings, figures, strict=True) if f is not None)
        said.append(f"{name}: " + ", ".join(told))
    below = [
        tag("text", ring, x=LEFT + (at + 0.5) * slot, y=BOTTOM + 18, class_="tick mid") for at, ring in enumerate(rings)
    ]
    axis = tag("text", "cycles per picture", x=(LEFT + RIGHT) / 2, y=HEIGHT - 8, class_="axis mid")
    frame = _Frame(Linear(0.0, 1.0, LEFT, RIGHT), y)
    ends = [(RIGHT, TOP + 14 + at * LABEL_GAP) for at in range(len(nets))]
    labels = _labels([(name, kind) for name, kind, _ in nets], ends)
    return Panel(
        title,
        unit,
        canvas(
            WIDTH,
            HEIGHT,
            f"{title}. {'; '.join(said)}.",
            _grid(frame),
            *parts,
            *below,
            axis,
            labels,
            class_="chart panel",
        ),
    )


def _bar(x: float, width: float, found: Figure, y: Linear, kind: str, told: str) -> Markup:
    top, bottom = sorted((y(float(found["mean"])), y(0.0)))
    parts = [tag("title", told), tag("rect", x=x, y=top, width=width, height=max(bottom - top, 1.0), class_="fill")]
    if found["low"] is not None:
        middle = x + width / 2
        parts.append(tag("line", x1=middle, x2=middle, y1=y(found["low"]), y2=y(found["high"]), class_="range"))
    return tag("g", *parts, class_=f"pt s {kind}")


def _scale(figures: Sequence[Figure | None], zero: bool) -> Linear:
    values = [float(one[end]) for one in figures if one for end in ("mean", "low", "high") if one[end] is not None]
    low, high = domain([*values, 0.0] if zero else values)
    return Linear(low, high, BOTTOM, TOP)


def _grid(frame: _Frame) -> Markup:
    """The lines of the upright axis; as many decimals as tell its ticks apart."""
    values = ticks(frame.y.low, frame.y.high, MOST_TICKS)
    step = min((b - a for a, b in pairwise(values)), default=1.0)
    digits = next((digits for digits in (0, 1, 2, 3) if abs(step - round(step, digits)) < 1e-9), 4)
    parts = []
    for value in values:
        at = frame.y(value)
        text = number(value, digits) if digits < 4 else f"{value:.1e}"
        parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=at, y2=at, class_="grid"))
        parts.append(tag("text", text, x=LEFT - 6, y=at + 4, class_="tick end"))
    parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=BOTTOM, y2=BOTTOM, class_="base"))
    return tag("g", *parts, aria_hidden="true")


def _sparsities(x: Any, sparsities: Sequence[float]) -> Markup:
    marks = [
        (value, "dense" if value == 0 else percent(value))
        for value in x.ticks([one for one in sparsities if one], TICK_GAP)
    ]
    return _below(x, marks, "sparsity")


def _shares(x: Any) -> Markup:
    return _below(x, [(value, percent(value)) for value in (0.0, 0.25, 0.5, 0.75, 1.0)], "share of the pixels")


def _below(x: Any, marks: Sequence[tuple[float, str]], name: str) -> Markup:
    parts = []
    for value, text in marks:
        at = x(value)
        parts.append(tag("line", x1=at, x2=at, y1=BOTTOM, y2=BOTTOM + 5, class_="base"))
        parts.append(tag("text", text, x=at, y=BOTTOM + 20, class_="tick mid"))
    parts.append(tag("text", name, x=(LEFT + RIGHT) / 2, y=HEIGHT - 8, class_="axis mid"))
    return tag("g", *parts, aria_hidden="true")


def _nothing(frame: _Frame) -> Markup:
    return tag("line", x1=LEFT, x2=RIGHT, y1=frame.y(0.0), y2=frame.y(0.0), class_="base")


def _across(frame: _Frame, one: Level) -> Markup:
    found = one.figure or {}
    y = frame.at(0.0, float(found["mean"]))[1]
    parts = [tag("title", f"{one.name}: {_told(found)}")]
    if found["low"] is not None:
        top, bottom = frame.at(0.0, found["high"])[1], frame.at(0.0, found["low"])[1]
        parts.append(tag("rect", x=LEFT, y=top, width=RIGHT - LEFT, height=max(bottom - top, 0.5), class_="slab"))
    parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="across"))
    return tag("g", *parts, class_=f"pt s {one.slot}")


def _stroke(frame: _Frame, line: Line, title: str) -> Markup:
    known = [(sparsity, one) for sparsity, one in line.points if one and one["low"] is not None]
    above, below = ([frame.at(sparsity, one[end]) for sparsity, one in known] for end in ("high", "low"))
    points = [frame.at(sparsity, one["mean"]) for sparsity, one in line.points if one]
    marks = [
        tag(
            "g",
            tag("title", f"{title}, {line.name}, {_where(sparsity)}: {_told(one)}"),
            tag("circle", cx=x, cy=y, r=3.4, class_="mark"),
            class_="pt",
        )
        for (sparsity, one), (x, y) in zip(line.points, points, strict=True)
    ]
    shapes = [tag("path", d=band(above, below), class_="band"), tag("path", d=path(points), class_="line")]
    return tag("g", *shapes, *marks, class_=f"s {line.slot}")


def _names(frame: _Frame, lines: Sequence[Line], levels: Sequence[Level]) -> Markup:
    ends = [frame.at(line.points[-1][0], float((line.points[-1][1] or {})["mean"])) for line in lines]
    ends += [(RIGHT, frame.at(0.0, float((one.figure or {})["mean"]))[1]) for one in levels]
    return _labels([(line.name, line.slot) for line in lines] + [(one.name, one.slot) for one in levels], ends)


def _labels(names: Sequence[tuple[str, str]], ends: Sequence[Point]) -> Markup:
    """Names at the right, moved apart where they would touch, each with a line to its end."""
    places = spread([y for _, y in ends], LABEL_GAP, TOP, BOTTOM)
    parts = []
    for (name, slot), (x, y), place in zip(names, ends, places, strict=True):
        lead = path([(x + 5, y), (RIGHT + 5, place), (RIGHT + 8, place)])
        parts.append(tag("path", d=lead, class_=f"lead {slot}"))
        parts.append(tag("text", name, x=RIGHT + 11, y=place + 4, class_=f"name {slot}"))
    return joined(parts)


def _said(line: Line) -> str:
    return f"{line.name}: " + ", ".join(f"{_where(sparsity)} {_told(one)}" for sparsity, one in line.points)


def _where(sparsity: float) -> str:
    return "dense" if sparsity == 0 else f"at {exactly(sparsity)} sparsity"


def _told(found: Figure | None) -> str:
    if found is None:
        return "unknown"
    return spoken(found) if found["n"] else number(found["mean"])

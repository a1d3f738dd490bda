"""The drawings of robustness against sparsity: for each corruption AUC against sparsity, a line per strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from clew.reports.scales import Linear, WeightsLeft, domain, spread, ticks
from clew.reports.svg import Point, band, canvas, joined, path, tag
from clew.reports.words import exactly, number, percent, spoken

WIDTH, HEIGHT = 400.0, 286.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 346.0, 12.0, 236.0
LABEL_GAP, TICK_GAP = 16.0, 38.0
CLEAN = "clean"
SLOTS = ("k1", "k2", "k3", "k4")  # strengths from mild to hard; the page's style gives each its colour
Points = list[tuple[float, Mapping[str, Any]]]


@dataclass(frozen=True)
class Line:
    """AUC at rising sparsity under one strength of a corruption, or on pictures left alone."""

    name: str
    slot: str
    points: Points


@dataclass(frozen=True)
class Panel:
    """One corruption: its name, what its strengths are, and the drawing."""

    title: str
    unit: str
    drawing: Markup


@dataclass(frozen=True)
class _Frame:
    x: WeightsLeft
    y: Linear

    def at(self, sparsity: float, value: float) -> Point:
        return self.x(sparsity), min(max(self.y(value), TOP), BOTTOM)


def panels(dense: Mapping[str, Any], levels: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """A panel for each corruption on shared axes, and one for the attack, if there was one, on its own.

    `dense` and `levels` are the NETS of one method as `ladder_robustness` tells them.
    """
    nets = [dense, *levels]
    clean = _line(CLEAN, "dense", nets, [one["clean"]["auc"] for one in nets])
    drawn = [(one, [clean, *_strengths(nets, [net["corruptions"][at] for net in nets])]) for at, one in _each(dense)]
    y = _scale([line for _, lines in drawn for line in lines])
    found = [Panel(one["title"], one["unit"], chart(one["title"], lines, y)) for one, lines in drawn]
    if dense["attack"] is None:
        return found
    attacks = [net["attack"] for net in nets]
    lines = [_line(CLEAN, "dense", nets, [one["clean"]["auc"] for one in attacks]), *_strengths(nets, attacks)]
    title = attacks[0]["title"]
    return [*found, Panel(title, attacks[0]["unit"], chart(title, lines, _scale(lines)))]


def _each(dense: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    return list(enumerate(dense["corruptions"]))


def _strengths(nets: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> list[Line]:
    """A line per strength of one corruption, which `found` holds for each of the nets."""
    count = len(found[0]["levels"])
    lines = []
    for at, one in enumerate(found[0]["levels"]):
        slot = SLOTS[min(len(SLOTS) - 1, at + max(0, len(SLOTS) - count))]
        lines.append(_line(f"{one['level']:g}", slot, nets, [each["levels"][at]["auc"] for each in found]))
    return lines


def _line(name: str, slot: str, nets: Sequence[Mapping[str, Any]], aucs: Sequence[Mapping[str, Any]]) -> Line:
    return Line(name, slot, [(float(net["sparsity"]), auc) for net, auc in zip(nets, aucs, strict=True)])


def _scale(lines: Sequence[Line]) -> Linear:
    values = [one[end] for line in lines for _, one in line.points for end in ("mean", "low", "high")]
    low, high = domain([float(value) for value in values if value is not None], top=1.0)
    return Linear(low, high, BOTTOM, TOP)


def chart(title: str, lines: Sequence[Line], y: Linear) -> Markup:
    """AUC against sparsity, the dense nets at 0: a band and a line for each strength."""
    sparsities = sorted({round(sparsity, 3) for line in lines for sparsity, _ in line.points})
    frame = _Frame(WeightsLeft(max(sparsities[-1], 0.01), LEFT + 8, RIGHT), y)
    said = "; ".join(f"{line.name}: " + ", ".join(_told(s, one) for s, one in line.points) for line in lines)
    return canvas(
        WIDTH,
        HEIGHT,
        f"AUC against sparsity under {title}. {said}.",
        _axes(frame, sparsities),
        *(_band(frame, line) for line in lines),
        *(_stroke(frame, line, title) for line in lines),
        _names(frame, lines),
        class_="chart panel",
    )


def _axes(frame: _Frame, sparsities: Sequence[float]) -> Markup:
    parts = []
    for value in ticks(frame.y.low, frame.y.high, 5):
        at = frame.y(value)
        parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=at, y2=at, class_="grid"))
        parts.append(tag("text", number(value, 2), x=LEFT - 6, y=at + 4, class_="tick end"))
    parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=BOTTOM, y2=BOTTOM, class_="base"))
    for value in frame.x.ticks([one for one in sparsities if one], TICK_GAP):
        at = frame.x(value)
        parts.append(tag("line", x1=at, x2=at, y1=BOTTOM, y2=BOTTOM + 5, class_="base"))
        parts.append(tag("text", "dense" if value == 0 else percent(value), x=at, y=BOTTOM + 20, class_="tick mid"))
    parts.append(tag("text", "sparsity", x=(LEFT + RIGHT) / 2, y=HEIGHT - 8, class_="axis mid"))
    return tag("g", *parts, aria_hidden="true")


def _band(frame: _Frame, line: Line) -> Markup:
    known = [(sparsity, one) for sparsity, one in line.points if one["low"] is not None]
    above, below = ([frame.at(sparsity, one[end]) for sparsity, one in known] for end in ("high", "low"))
    return tag("g", tag("path", d=band(above, below), class_="band"), class_=f"s {line.slot}")


def _stroke(frame: _Frame, line: Line, title: str) -> Markup:
    points = [frame.at(sparsity, one["mean"]) for sparsity, one in line.points]
    marks = [
        tag(
            "g",
            tag("title", f"{title} {line.name}: {_told(sparsity, one)}"),
            tag("circle", cx=x, cy=y, r=3.4, class_="mark"),
            class_="pt",
        )
        for (sparsity, one), (x, y) in zip(line.points, points, strict=True)
    ]
    return tag("g", tag("path", d=path(points), class_="line"), *marks, class_=f"s {line.slot}")


def _names(frame: _Frame, lines: Sequence[Line]) -> Markup:
    """The strengths at the lines' right ends, moved apart where they would touch."""
    ends = [frame.at(line.points[-1][0], float(line.points[-1][1]["mean"])) for line in lines]
    places = spread([y for _, y in ends], LABEL_GAP, TOP, BOTTOM)
    parts = []
    for line, (x, y), place in zip(lines, ends, places, strict=True):
        lead = path([(x + 5, y), (RIGHT + 8, place), (RIGHT + 11, place)])
        parts.append(tag("path", d=lead, class_=f"lead {line.slot}"))
        parts.append(tag("text", line.name, x=RIGHT + 14, y=place + 4, class_=f"name {line.slot}"))
    return joined(parts)


def _told(sparsity: float, auc: Mapping[str, Any]) -> str:
    where = "dense" if sparsity == 0 else f"at {exactly(sparsity)} sparsity"
    return f"{where} AUC {spoken(auc)}"

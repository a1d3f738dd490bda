"""The curves of a ladder: a figure against exact sparsity, a line per method with its band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from clew.reports.scales import Linear, WeightsLeft, domain, spread, step_of, ticks
from clew.reports.series import CONTROL_SLOTS, Series, drawn, tickets
from clew.reports.svg import Point, band, canvas, joined, path, tag
from clew.reports.words import exactly, number, percent, spoken

WIDTH, HEIGHT = 560.0, 372.0
LEFT, RIGHT, TOP, BOTTOM = 50.0, 452.0, 14.0, 318.0
LABEL_GAP, TICK_GAP, WIDE_TICK_GAP = 18.0, 38.0, 60.0
NAMES = {"auc": "AUC", "accuracy": "Accuracy", "macro_auc": "Macro AUC"}
REFERENCES = {"auc": "reference", "macro_auc": "macro_reference"}  # where a row keeps what it is judged against


@dataclass(frozen=True)
class _Line:
    """One line: intervals at sparsities, how it is called, and its style."""

    name: str
    label: str
    slot: str
    points: list[tuple[float, Mapping[str, Any]]]
    marks: bool = True


@dataclass(frozen=True)
class _Frame:
    x: WeightsLeft
    y: Linear

    def at(self, sparsity: float, value: float) -> Point:
        return self.x(sparsity), min(max(self.y(value), TOP), BOTTOM)


def curves(summary: Mapping[str, Any], figure: str) -> Markup:
    """The chart of one of NAMES; for AUC also how low a level may lie and still count as not worse."""
    lines = [_line(one, figure) for one in drawn(summary)]
    dense = _dense(summary, figure, lines)
    margin = float(summary["margin"]) if figure == "auc" else None
    frame = _frame([dense, *lines], margin)
    levels = [sparsity for line in lines for sparsity, _ in line.points]
    name = NAMES[figure]
    parts = [
        _grid(frame),
        _ticks(frame, levels),
        *(_band(frame, line) for line in [dense, *lines]),
        _floor(frame, dense, margin),
        *(_stroke(frame, line) for line in [dense, *reversed(lines)]),
        *(_points(frame, line, name) for line in [dense, *reversed(lines)]),
        _labels(frame, dense, lines, margin),
    ]
    said = "; ".join(f"{one.name}: {_told(one)}" for one in [dense, *lines])
    return canvas(WIDTH, HEIGHT, f"{name} against sparsity. {said}.", *parts, class_="chart curves")


def _line(series: Series, figure: str) -> _Line:
    points = [(float(row["sparsity"]), row[figure]) for row in series.rows]
    return _Line(series.name, series.short, series.slot, points)


def _dense(summary: Mapping[str, Any], figure: str, lines: Sequence[_Line]) -> _Line:
    """Dense as a level line; where weights go on, for AUC, the dense net trained on for as long."""
    first = summary["dense"][figure]
    judged, reference = tickets(summary), REFERENCES.get(figure)
    points = [(0.0, first)]
    if judged:
        points += [(float(row["sparsity"]), row[reference] if reference else first) for row in judged[0].rows]
    furthest = max((sparsity for line in lines for sparsity, _ in line.points), default=0.5)
    if points[-1][0] < furthest:
        points.append((furthest, points[-1][1]))
    return _Line("Dense", "Dense", "dense", points, marks=False)


def _frame(lines: Sequence[_Line], margin: float | None) -> _Frame:
    values = [
        float(one[end])
        for line in lines
        for _, one in line.points
        for end in ("mean", "low", "high")
        if one[end] is not None
    ]
    if margin is not None:
        values += [float(one["mean"]) - margin for _, one in lines[0].points]
    low, high = domain(values, top=1.0)
    top = max((sparsity for line in lines for sparsity, _ in line.points), default=0.5)
    return _Frame(WeightsLeft(top, LEFT + 8, RIGHT), Linear(low, high, BOTTOM, TOP))


def _grid(frame: _Frame) -> Markup:
    rows = []
    low, high = frame.y.low, frame.y.high
    digits = 2 if step_of(high - low, 6) >= 0.00999 else 3
    for value in ticks(low, high):
        y = frame.y(value)
        rows.append(tag("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid"))
        rows.append(tag("text", number(value, digits), x=LEFT - 8, y=y + 4, class_="tick end"))
    return tag("g", *rows, aria_hidden="true")


def _ticks(frame: _Frame, levels: Sequence[float]) -> Markup:
    marked = frame.x.ticks(sorted({round(level, 3) for level in levels}), TICK_GAP)
    wide = set(frame.x.ticks(marked, WIDE_TICK_GAP))
    rows = [tag("line", x1=LEFT, x2=RIGHT, y1=BOTTOM, y2=BOTTOM, class_="base")]
    for value in marked:
        x, thin = frame.x(value), "" if value in wide else " thin"
        rows.append(tag("line", x1=x, x2=x, y1=BOTTOM, y2=BOTTOM + 5, class_="base"))
        text = "0" if value == 0 else percent(value)
        rows.append(tag("text", text, x=x, y=BOTTOM + 21, class_=f"tick mid{thin}"))
    title = tag(
        "text",
        "sparsity: share of prunable weights that are zero",
        x=(LEFT + RIGHT) / 2,
        y=HEIGHT - 10,
        class_="axis mid",
    )
    return tag("g", *rows, title, aria_hidden="true")


def _band(frame: _Frame, line: _Line) -> Markup:
    known = [(s, one) for s, one in line.points if one["low"] is not None]
    if len(known) == 1:  # one level: its interval as an upright bar
        s, one = known[0]
        (x, y1), (_, y2) = frame.at(s, one["low"]), frame.at(s, one["high"])
        return tag("g", tag("line", x1=x, x2=x, y1=y1, y2=y2, class_="whisker"), class_=f"s {line.slot}")
    above, below = ([frame.at(s, one[end]) for s, one in known] for end in ("high", "low"))
    return tag("g", tag("path", d=band(above, below), class_="band"), class_=f"s {line.slot}")


def _floor(frame: _Frame, dense: _Line, margin: float | None) -> Markup:
    if margin is None:
        return Markup("")
    points = [frame.at(s, one["mean"] - margin) for s, one in dense.points]
    return tag("path", d=path(points), class_="floor")


def _stroke(frame: _Frame, line: _Line) -> Markup:
    points = [frame.at(s, one["mean"]) for s, one in line.points]
    return tag("g", tag("path", d=path(points), class_="line"), class_=f"s {line.slot}")


def _points(frame: _Frame, line: _Line, figure: str) -> Markup:
    marks = []
    for sparsity, one in line.points if line.marks else line.points[:1]:
        x, y = frame.at(sparsity, one["mean"])
        where = "" if line.slot == "dense" else f" at {exactly(sparsity)} sparsity"
        told = f"{line.name}{where}: {figure} {spoken(one)}"
        marks.append(
            tag(
                "g",
                tag("title", told),
                tag("circle", cx=x, cy=y, r=11, class_="hit"),
                _mark(line.slot, x, y),
                class_="pt",
            )
        )
    return tag("g", *marks, class_=f"s {line.slot}")


def _mark(slot: str, x: float, y: float) -> Markup:
    """Each method has a shape as well as a colour: disc, square, hollow disc, and more."""
    if slot == "s2":
        return tag("rect", x=x - 4, y=y - 4, width=8, height=8, class_="mark")
    if slot == "s3":
        return tag("path", d=path([(x, y - 5.5), (x + 5, y + 4), (x - 5, y + 4)], closed=True), class_="mark")
    if slot in ("s4", "s5", "s6"):
        return tag("path", d=path([(x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y)], closed=True), class_="mark")
    return tag("circle", cx=x, cy=y, r=4.2, class_="mark hollow" if slot in CONTROL_SLOTS.values() else "mark")


def _labels(frame: _Frame, dense: _Line, lines: Sequence[_Line], margin: float | None) -> Markup:
    """Names at the lines' right ends, moved apart where they would touch."""
    items = [(line.label, line.slot, frame.at(*_last(line))) for line in [dense, *lines]]
    if margin is not None:
        end, one = dense.points[-1]
        items.append(("margin", "limit", frame.at(end, one["mean"] - margin)))
    places = spread([at[1] for _, _, at in items], LABEL_GAP, TOP, BOTTOM)
    rows = []
    for (text, slot, (x, y)), place in zip(items, places, strict=True):
        rows.append(tag("path", d=path([(x + 6, y), (RIGHT + 10, place), (RIGHT + 14, place)]), class_=f"lead {slot}"))
        rows.append(tag("text", text, x=RIGHT + 18, y=place + 4, class_=f"name {slot}"))
    return joined(rows)


def _last(line: _Line) -> tuple[float, float]:
    sparsity, one = line.points[-1]
    return sparsity, float(one["mean"])


def _told(line: _Line) -> str:
    if line.slot == "dense":
        return spoken(line.points[0][1])
    return ", ".join(f"{exactly(s)} {number(one['mean'])}" for s, one in line.points)

"""How the trainings went: validation AUC by epoch, a small panel per level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from clew.reports.scales import Linear, domain, ticks
from clew.reports.series import Series
from clew.reports.svg import canvas, path, tag
from clew.reports.words import number, percent
from clew.tickets.ladder import Ladder

WIDTH, HEIGHT = 220.0, 132.0
LEFT, RIGHT, TOP, BOTTOM = 36.0, 212.0, 10.0, 106.0


@dataclass(frozen=True)
class Panel:
    """One level: its name and the lines of all its trainings."""

    title: str
    drawing: Markup


@dataclass(frozen=True)
class _Curve:
    slot: str
    name: str
    epochs: list[int]
    values: list[float]
    best: int


def panels(ladder: Ladder, shown: Sequence[Series]) -> list[Panel]:
    """A panel for dense and one per level, with a line per training, all on the same axes."""
    slots = {(one.method, one.controls): one for one in shown}
    levels: dict[float, dict[str, _Curve]] = {}
    for entry in ladder.facts["entries"]:
        series = slots.get((entry["method"], entry["controls"]))
        if series is None and entry["method"] != "dense":
            continue
        curve = _curve(ladder.facts["runs"][entry["run"]], entry, series)
        if curve is not None:
            levels.setdefault(entry["level"], {}).setdefault(entry["run"], curve)
    every = [curve for some in levels.values() for curve in some.values()]
    if not every:
        return []
    low, high = domain([value for curve in every for value in curve.values], top=1.0)
    last = max(curve.epochs[-1] for curve in every)
    x, y = Linear(1.0, float(max(last, 2)), LEFT + 6, RIGHT), Linear(low, high, BOTTOM, TOP)
    return [_panel(level, list(levels[level].values()), x, y) for level in sorted(levels)]


def _curve(run: Mapping[str, Any], entry: Mapping[str, Any], series: Series | None) -> _Curve | None:
    told = [(int(h["epoch"]), float(h["val_auc"])) for h in run["history"] if h.get("val_auc") is not None]
    if not told:
        return None
    name = f"{series.short if series else 'Dense'}, seed {entry['seed']}"
    epochs, values = [epoch for epoch, _ in told], [value for _, value in told]
    return _Curve(series.slot if series else "dense", name, epochs, values, int(run["best_epoch"]))


def _panel(level: float, curves: Sequence[_Curve], x: Linear, y: Linear) -> Panel:
    title = "Dense" if level == 0 else f"{percent(level)} sparsity"
    rows = [_axes(x, y)]
    for curve in curves:
        points = [(x(epoch), y(value)) for epoch, value in zip(curve.epochs, curve.values, strict=True)]
        told = f"{curve.name}: best epoch {curve.best}"
        parts = [tag("title", told), tag("path", d=path(points), class_="line slim")]
        if curve.best in curve.epochs:
            at = points[curve.epochs.index(curve.best)]
            parts.append(tag("circle", cx=at[0], cy=at[1], r=2.8, class_="mark"))
        rows.append(tag("g", *parts, class_=f"s pt {curve.slot}"))
    label = f"Validation score by epoch, {title}: {len(curves)} trainings"
    return Panel(title, canvas(WIDTH, HEIGHT, label, *rows, class_="chart panel"))


def _axes(x: Linear, y: Linear) -> Markup:
    parts = []
    for value in ticks(y.low, y.high, 3):
        parts.append(tag("line", x1=LEFT, x2=RIGHT, y1=y(value), y2=y(value), class_="grid"))
        parts.append(tag("text", number(value, 2), x=LEFT - 5, y=y(value) + 4, class_="tick end"))
    for epoch in (1, int(x.high)):
        parts.append(tag("text", str(epoch), x=x(epoch), y=BOTTOM + 16, class_="tick mid"))
    parts.append(tag("text", "epoch", x=(LEFT + RIGHT) / 2, y=BOTTOM + 16, class_="tick mid"))
    return tag("g", *parts, aria_hidden="true")

"""The small chart beside an example: its fake probability, dense and level by level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from clew.reports.svg import canvas, tag
from clew.reports.words import number, percent

WIDTH, TOP, BOTTOM, HEIGHT = 196.0, 6.0, 78.0, 96.0
LEFT, RIGHT = 22.0, 194.0
LABEL_GAP = 23.0


def bars(by_level: Sequence[tuple[float, NDArray[np.float64]]], marked: float, fake: bool) -> Markup:
    """Bars from 0.5 to the mean over seeds (S,) of each level, the range of the seeds as a thin line.

    A bar is full where the call is right and hollow where it is wrong; the level that the page speaks of is marked.
    """
    slot = (RIGHT - LEFT) / len(by_level)
    parts = [_scale()]
    told = []
    labelled = _labelled([level for level, _ in by_level], marked, slot)
    for at, (level, values) in enumerate(by_level):
        x = LEFT + (at + 0.5) * slot
        name = "dense" if level == 0 else percent(level)
        told.append(f"{name} {number(float(values.mean()), 2)}")
        here = level == 0 or abs(level - marked) < 1e-9
        parts.append(_bar(x, min(slot * 0.62, 18.0), values, fake, name, here))
        if at in labelled:
            text = "D" if level == 0 else f"{round(100 * level):d}"
            parts.append(tag("text", text, x=x, y=BOTTOM + 14, class_="tick mid strong" if here else "tick mid"))
    return canvas(WIDTH, HEIGHT, "Probability of fake: " + ", ".join(told), *parts, class_="chart bars")


def _labelled(levels: Sequence[float], marked: float, slot: float) -> list[int]:
    """Which bars have room for a label: dense, the marked level and the sparsest come first."""
    kept: list[int] = []
    for at in sorted(range(len(levels)), key=lambda at: (levels[at] != 0, abs(levels[at] - marked) > 1e-9, -at)):
        if all(abs(at - other) * slot >= LABEL_GAP for other in kept):
            kept.append(at)
    return kept


def _scale() -> Markup:
    rows = []
    for value, text in ((1.0, "1"), (0.5, ".5"), (0.0, "0")):
        y = _y(value)
        rows.append(tag("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="base" if value == 0.5 else "grid"))
        rows.append(tag("text", text, x=LEFT - 5, y=y + 4, class_="tick end"))
    return tag("g", *rows, aria_hidden="true")


def _bar(x: float, width: float, values: NDArray[np.float64], fake: bool, name: str, here: bool) -> Markup:
    mean, low, high = float(values.mean()), float(values.min()), float(values.max())
    top, bottom = sorted((_y(mean), _y(0.5)))
    kind = "right" if (mean >= 0.5) == fake else "wrong"
    told = f"{name}: {number(mean, 2)}, seeds from {number(low, 2)} to {number(high, 2)} (n = {len(values)}); {kind}"
    return tag(
        "g",
        tag("title", told),
        tag("rect", x=x - width / 2, y=top, width=width, height=max(bottom - top, 1.0), class_="bar"),
        tag("line", x1=x, x2=x, y1=_y(low), y2=_y(high), class_="range"),
        class_=f"pt {kind}{' here' if here else ''}",
    )


def _y(value: float) -> float:
    return BOTTOM + (TOP - BOTTOM) * value

"""The transfer matrix as heatmaps: one for each thing that can be brought along, cells coloured by what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from clew.reports.svg import canvas, joined, tag
from clew.reports.words import counted, limits, method_name, number, percent, spoken

CELL, ROW = 136.0, 62.0  # of a cell, in units of the drawing
LEFT, TOP, FOOT = 138.0, 66.0, 14.0
LETTER = 7.2  # about the width of one
STRONGEST = 0.55  # opacity of the fullest colour: the numbers on it must stay readable
LEAST = 0.02  # AUC that the fullest colour stands for at least
KINDS = (
    ("moved-{}", "Mask, with the weights that it was rewound to there"),
    ("moved-{}-trained", "Mask, with the weights that it was trained to there"),
    ("moved-{}-fresh", "Mask, with fresh weights"),
    ("zero-shot", "The trained ticket as it is, not trained here"),
)


@dataclass(frozen=True)
class Panel:
    """One heatmap: which kind of ticket, what it is called, and the drawing."""

    method: str
    title: str
    drawing: Markup


def panels(matrix: Mapping[str, Any], level: float) -> list[Panel]:
    """The heatmaps of a level, of every kind of ticket that any cell has there."""
    owner = owner_of(matrix)
    kinds = [(name.format(owner), title) for name, title in KINDS]
    shown = [(name, title) for name, title in kinds if any(_at(cell, name, owner, level) for cell in matrix["cells"])]
    strongest = limit_of(matrix)
    return [Panel(name, title, _heatmap(matrix, name, title, level, strongest)) for name, title in shown]


def owner_of(matrix: Mapping[str, Any]) -> str:
    """The method whose tickets the pictures show: IMP where there are any."""
    return "imp" if any(one["of"] == "imp" for cell in matrix["cells"] for one in cell["tickets"]) else "one-shot"


def limit_of(matrix: Mapping[str, Any]) -> float:
    """The difference that the fullest colour stands for: the greatest of all cells, levels and kinds."""
    means = [abs(one["minus_own"]["mean"]) for cell in matrix["cells"] for one in cell["tickets"] if one["minus_own"]]
    return max([LEAST, *means])


def size_of(matrix: Mapping[str, Any]) -> tuple[float, float]:
    """Width and height of one heatmap."""
    count = len(matrix["places"])
    return LEFT + count * CELL + 8, TOP + count * ROW + FOOT


def _heatmap(matrix: Mapping[str, Any], method: str, title: str, level: float, strongest: float) -> Markup:
    names = [place["name"] for place in matrix["places"]]
    cells = {(cell["found"], cell["trained"]): cell for cell in matrix["cells"]}
    parts = [tag("text", "trained and tested on", x=LEFT, y=16.0, class_="axis"), *_heads(names)]
    for down, found in enumerate(names):
        for across, trained in enumerate(names):
            place = (LEFT + across * CELL, TOP + down * ROW)
            parts.append(
                _cell(cells.get((found, trained)), (found, trained), method, owner_of(matrix), level, strongest, place)
            )
    width, height = size_of(matrix)
    label = f"{title}, at {percent(level)} sparsity: {counted(len(names), 'place')} by {len(names)}"
    return canvas(width, height, label, *parts, class_="chart matrix")


def _heads(names: Sequence[str]) -> list[Markup]:
    found = [tag("text", "found on", x=LEFT - 10, y=TOP - 10, class_="axis end")]
    for at, name in enumerate(names):
        across, down = LEFT + (at + 0.5) * CELL, TOP + (at + 0.5) * ROW
        found.append(_name(name, across, TOP - 10, 1.0, CELL - 10, "mid strong"))
        found.append(_name(name, LEFT - 10, down + 4, 0.5, LEFT - 12, "end strong"))
    return found


def _name(name: str, x: float, y: float, share: float, room: float, kind: str) -> Markup:
    """A place's name, its methods on a line of their own; `share` of that line lies above `y`."""
    data, slash, methods = name.partition("/")
    lines = [cut(part, room) for part in ((f"{data}/", methods) if slash else (data,))]
    first = y - 15 * share * (len(lines) - 1)
    parts = [tag("text", line, x=x, y=first + 15 * at, class_=kind) for at, line in enumerate(lines)]
    return tag("g", tag("title", name), *parts)


def cut(name: str, room: float) -> str:
    """A name as it fits: its middle goes first, for methods are told at its end."""
    most = max(8, int(room / LETTER))
    if len(name) <= most:
        return name
    head = (most - 1) // 3
    return f"{name[:head]}\N{HORIZONTAL ELLIPSIS}{name[len(name) - (most - 1 - head) :]}"


def _cell(
    cell: Mapping[str, Any] | None,
    pair: tuple[str, str],
    method: str,
    owner: str,
    level: float,
    strongest: float,
    place: tuple[float, float],
) -> Markup:
    """One place of the heatmap: the own ticket, a difference to it, or nothing tried."""
    x, y = place
    box = {"x": x + 2, "y": y + 2, "width": CELL - 4, "height": ROW - 4, "rx": 4}
    where = f"found on {pair[0]}, trained and tested on {pair[1]}"
    ticket = None if cell is None else _at(cell, owner if cell["own"] else method, owner, level)
    if cell is None or ticket is None:
        told = f"{where}: not tried"
        text = tag("text", "not tried", x=x + CELL / 2, y=y + ROW / 2 + 4, class_="mid faint")
        return _group(told, tag("rect", **box, class_="untried"), text)
    auc = f"AUC {number(ticket['auc']['mean'])}"
    if cell["own"]:
        told = f"{method_name(owner)} found and trained on {pair[0]}: AUC {spoken(ticket['auc'])}"
        lines = [("own ticket", ""), (auc, "strong"), (limits(ticket["auc"]), "small")]
        return _group(told, tag("rect", **box, class_="own"), *_lines(lines, x, y))
    gap = ticket["minus_own"]
    if gap is None:
        told = f"{where}: AUC {spoken(ticket['auc'])}; no own ticket to compare with"
        return _group(told, tag("rect", **box, class_="open"), *_lines([(auc, "strong")], x, y))
    told = f"{where}: minus the own ticket {spoken(gap, signed=True)}; AUC {spoken(ticket['auc'])}"
    lines = [(number(gap["mean"], signed=True), "strong"), (limits(gap, signed=True), "small"), (auc, "small")]
    return _group(told, tag("rect", **box, **shade(gap, strongest)), *_lines(lines, x, y))


def shade(gap: Mapping[str, Any], strongest: float) -> dict[str, str | float]:
    """How a difference is coloured: grey where its interval holds 0 or is unknown, else by sign and size."""
    if gap["low"] is None or gap["low"] <= 0 <= gap["high"]:
        return {"class_": "open"}
    opacity = 0.08 + (STRONGEST - 0.08) * min(abs(gap["mean"]) / strongest, 1.0)
    return {"class_": "better" if gap["mean"] > 0 else "worse", "fill_opacity": round(opacity, 3)}


def _group(told: str, *parts: Markup) -> Markup:
    return tag("g", tag("title", told), *parts, class_="pt")


def _lines(lines: Sequence[tuple[str, str]], x: float, y: float) -> list[Markup]:
    """Lines of text in the middle of a cell."""
    first = y + ROW / 2 + 4.5 - 8.5 * (len(lines) - 1)
    return [
        tag("text", text, x=x + CELL / 2, y=first + 17 * at, class_=f"mid {kind}".strip())
        for at, (text, kind) in enumerate(lines)
    ]


def _at(cell: Mapping[str, Any], method: str, owner: str, level: float) -> dict[str, Any] | None:
    """The ticket of a cell: of a method, found by the owner, at a level."""
    for ticket in cell["tickets"]:
        if (ticket["method"], ticket["of"]) == (method, owner) and abs(ticket["level"] - level) < 1e-6:
            return dict(ticket)
    return None


def legend(strongest: float) -> Markup:
    """What the colours stand for."""
    steps, wide, left = 9, 30.0, 8.0
    parts = []
    for at in range(steps):
        value = strongest * (2 * at / (steps - 1) - 1)
        look = shade({"mean": value, "low": value, "high": value}, strongest)
        parts.append(tag("rect", x=left + at * wide, y=6.0, width=wide, height=16, **look))
    for at, value in ((0, -strongest), (steps // 2, 0.0), (steps - 1, strongest)):
        text = number(value, 2, signed=True) if value else "0"
        parts.append(tag("text", text, x=left + (at + 0.5) * wide, y=38.0, class_="mid small"))
    words = "AUC minus the ticket found there; grey: the 90 % interval holds 0"
    parts.append(tag("text", words, x=left + steps * wide + 14, y=18.0, class_="axis"))
    return canvas(740, 46, "Colours: AUC minus that of the ticket found there", joined(parts), class_="chart matrix")

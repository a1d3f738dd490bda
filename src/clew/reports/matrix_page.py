"""The transfer matrix as files: JSON, a picture that stands alone, and a page with every level."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from clew.base.errors import ClewError
from clew.base.files import write_json, write_text
from clew.base.progress import SILENT, Progress
from clew.reports import words
from clew.reports.gaps import badge_of
from clew.reports.matrix_chart import Panel, legend, limit_of, owner_of, panels, size_of
from clew.reports.pages import page_text
from clew.reports.svg import joined, tag

JSON, PICTURE, PAGE = "matrix.json", "matrix.svg", "matrix.html"
HEAD = 64.0  # above the panels of the picture, in its units
STYLE = """
text { font: 12.5px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; fill: #5f5b55; }
.strong { font-weight: 700; fill: #1d1c1a; } .small { font-size: 11.5px; } .title { font-size: 15px; }
.mid { text-anchor: middle; } .end { text-anchor: end; }
.worse { fill: #b04c00; } .better { fill: #0a5cb8; } .open { fill: #1d1c1a; fill-opacity: .07; }
.own { fill: none; stroke: #1d1c1a; stroke-opacity: .55; }
.untried { fill: none; stroke: #e3ded5; stroke-dasharray: 4 4; }
.pt text { fill: #1d1c1a; } .pt text.faint { fill: #5f5b55; }
"""


@dataclass(frozen=True)
class Row:
    """One ticket of the table: where found and trained, what it is, its figures as texts, its verdict."""

    found: str
    trained: str
    kind: str
    level: str
    figures: list[tuple[str, str]]  # mean and limits of AUC, minus own, minus dense, minus random
    badge: str
    verdict: str
    reason: str


def write_matrix(matrix: Mapping[str, Any], out: Path, progress: Progress = SILENT) -> dict[str, str]:
    """Writes matrix.json, matrix.svg and matrix.html to the folder `out`; {"json", "picture", "page"}: where.

    Equal matrices give equal bytes. Raises ClewError when `out` is a file.
    """
    if out.exists() and not out.is_dir():
        raise ClewError(f"{out} is a file, not a folder for a matrix: choose another --out.")
    with progress.task("writing the matrix", 3) as task:
        write_json(out / JSON, matrix)
        task.advance(1, JSON)
        write_text(out / PICTURE, picture(matrix))
        task.advance(1, PICTURE)
        write_text(out / PAGE, render(matrix))
        task.advance(1, PAGE)
    return {"json": str(out / JSON), "picture": str(out / PICTURE), "page": str(out / PAGE)}


def picture(matrix: Mapping[str, Any]) -> str:
    """The heatmaps of the matrix's level as one SVG file, two beside one another, on white."""
    shown = panels(matrix, matrix["level"])
    wide, high = size_of(matrix)
    columns = 1 if len(shown) < 2 else 2
    rows = -(-len(shown) // columns)
    width, height = max(columns * (wide + 24), 800.0), HEAD + rows * (high + 34) + 46
    parts = [tag("style", Markup(STYLE)), tag("rect", width=width, height=height, fill="#fff")]
    parts.append(tag("text", title(matrix), x=12.0, y=26.0, class_="strong title"))
    parts.append(tag("text", subtitle(matrix), x=12.0, y=46.0))
    for at, panel in enumerate(shown):
        x, y = (at % columns) * (wide + 24), HEAD + (at // columns) * (high + 34)
        heading = tag("text", panel.title, x=x + 12, y=y + 18, class_="strong")
        parts += [heading, _placed(panel.drawing, x, y + 26, wide, high)]
    parts.append(_placed(legend(limit_of(matrix)), 4.0, height - 50, 740.0, 46.0))
    whole = tag(
        "svg", joined(parts), xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width:g} {height:g}", width=width,
        height=height, role="img", aria_label=title(matrix),
    )  # fmt: skip
    return f"{readable(whole)}\n"


def _placed(drawing: Markup, x: float, y: float, width: float, height: float) -> Markup:
    """A drawing at a place of another."""
    spot = "".join(f' {name}="{value:g}"' for name, value in (("x", x), ("y", y), ("width", width), ("height", height)))
    return Markup(str(drawing).replace("<svg", f"<svg{spot}", 1))


def readable(text: str) -> str:
    """Without the characters that XML forbids, which names may hold: a picture with one does not open."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)


def title(matrix: Mapping[str, Any]) -> str:
    """What the matrix is of."""
    where = "brought from one place to another"
    return f"Tickets of {matrix['detector']} {where}, at {words.percent(matrix['level'])} sparsity"


def subtitle(matrix: Mapping[str, Any]) -> str:
    """How its numbers are made, in a line."""
    seeds = sorted({ticket["auc"]["n"] for cell in matrix["cells"] for ticket in cell["tickets"]})
    told = " or ".join([*(str(count) for count in seeds[:-1]), words.counted(seeds[-1], "seed")])
    return (
        f"{words.method_name(owner_of(matrix))}, {matrix['scope']}, rewind {matrix['rewind']}; AUC minus that of the "
        f"ticket found there, 90{words.SPACE}% intervals, {told}"
    )


def headline(matrix: Mapping[str, Any]) -> str:
    """How the tickets brought along do at the matrix's level, counted."""
    owner, level = owner_of(matrix), matrix["level"]
    found = []
    kinds = (
        (f"moved-{owner}", "brought along with the weights that they were rewound to"),
        ("zero-shot", "taken as they are"),
    )
    for name, told in kinds:
        gaps = [
            one["minus_own"]
            for cell in matrix["cells"]
            for one in cell["tickets"]
            if (one["method"], one["of"]) == (name, owner) and abs(one["level"] - level) < 1e-6 and one["minus_own"]
        ]
        if gaps:
            found.append(f"of {words.counted(len(gaps), 'ticket')} {told}, {_counted(gaps)}")
    if not found:
        return "No ticket was brought along at this level."
    return f"At {words.percent(level)} sparsity, {'; '.join(found)}, beside the ticket found where they are tested."


def _counted(gaps: Sequence[Mapping[str, Any]]) -> str:
    known = [gap for gap in gaps if gap["low"] is not None]
    worse = sum(gap["high"] < 0 for gap in known)
    better = sum(gap["low"] > 0 for gap in known)
    return f"{worse} worse, {better} better, {len(gaps) - worse - better} not told apart"


def table(matrix: Mapping[str, Any]) -> list[Row]:
    """Every ticket of every cell."""
    return [_row(cell, ticket) for cell in matrix["cells"] for ticket in cell["tickets"]]


def _row(cell: Mapping[str, Any], ticket: Mapping[str, Any]) -> Row:
    figures = [_figure(ticket["auc"])]
    figures += [_figure(ticket[key], signed=True) for key in ("minus_own", "minus_dense", "minus_random")]
    of = ticket["of"] if ticket["method"] == "zero-shot" else None
    kind = words.method_name(ticket["method"], of)
    level = words.percent(ticket["sparsity"])
    return Row(cell["found"], cell["trained"], kind, level, figures, *badge_of(ticket["verdict"]), ticket["reason"])


def _figure(interval: Mapping[str, Any] | None, signed: bool = False) -> tuple[str, str]:
    if interval is None:
        return words.NONE, ""
    return words.number(interval["mean"], signed=signed), words.limits(interval, signed=signed)


def render(matrix: Mapping[str, Any]) -> str:
    """The page: heatmaps of every level, the matrix's own first, and the table of all tickets."""
    levels = sorted(matrix["levels"], key=lambda level: (level != matrix["level"], level))
    heatmaps: list[tuple[str, list[Panel]]] = [(words.percent(level), panels(matrix, level)) for level in levels]
    return page_text(
        "matrix.html",
        matrix=matrix,
        headline=headline(matrix),
        subtitle=subtitle(matrix),
        heatmaps=[one for one in heatmaps if one[1]],
        legend=legend(limit_of(matrix)),
        width=round(0.75 * size_of(matrix)[0]),
        rows=table(matrix),
        margins=sorted({f"{cell['margin']:g}" for cell in matrix["cells"]}),
        own={cell["found"]: cell for cell in matrix["cells"] if cell["own"]},
        words=words,
    )

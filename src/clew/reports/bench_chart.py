"""The drawing of what `clew bench` measured of a ticket: a bar of milliseconds for each form, with its spread."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from clew.base.errors import ClewError
from clew.base.files import write_text
from clew.reports.scales import Linear, ticks
from clew.reports.standalone import standalone
from clew.reports.svg import canvas, joined, tag
from clew.reports.words import SPACE, counted

WIDTH, LEFT, RIGHT, TOP = 720.0, 190.0, 560.0, 26.0
ROW, BAR, HEAD, FOOT = 27.0, 13.0, 34.0, 34.0
MOST = 1.3  # of the longest median: what spreads further leaves the drawing
JSON, PICTURE = "bench.json", "bench.svg"
ENDINGS = (".json", ".svg")


def write_bench(found: Mapping[str, Any], out: Path) -> list[Path]:
    """Writes what was measured as .json or .svg by the name of `out`, or both into a folder; returns where.

    Raises ClewError for another kind of file.
    """
    return write_as({JSON: text_of(found), PICTURE: standalone(bars(found))}, out)


def text_of(found: Mapping[str, Any]) -> str:
    """The text of a JSON file."""
    return json.dumps(found, indent=1, sort_keys=True, allow_nan=False) + "\n"


def write_as(texts: Mapping[str, str], out: Path) -> list[Path]:
    """Writes the first of the texts with the ending of `out`, or all under their names into the folder `out`."""
    check_out(out)
    if _is_file(out):
        write_text(out, next(text for name, text in texts.items() if Path(name).suffix == out.suffix))
        return [out]
    for name, text in texts.items():
        write_text(out / name, text)
    return [out / name for name in texts]


def check_out(out: Path) -> None:
    """Raises ClewError for what can be neither a file of a known kind nor a folder."""
    if _is_file(out) and out.suffix not in ENDINGS:
        raise ClewError(f"--out {out}: expected a file that ends in {' or '.join(ENDINGS)}, or a folder.")


def _is_file(out: Path) -> bool:
    return out.is_file() or (bool(out.suffix) and not out.is_dir())


def bars(found: Mapping[str, Any]) -> Markup:
    """Milliseconds of every form, a group for each number of pictures and threads, each on a scale of its own."""
    parts, top = [], TOP
    for cell in found["cells"]:
        parts.append(_group(cell, top))
        top += HEAD + ROW * len(cell["rows"]) + FOOT
    name = Path(str(found["ticket"]["path"])).name
    title = tag("text", f"{name}: milliseconds by form", x=8, y=16, class_="name dense")
    told = "; ".join(_told(cell, row) for cell in found["cells"] for row in cell["rows"])
    return canvas(WIDTH, top, f"Milliseconds of {name} by form. {told}.", title, *parts)


def _group(cell: Mapping[str, Any], top: float) -> Markup:
    rows: Sequence[Mapping[str, Any]] = cell["rows"]
    bottom = top + HEAD + ROW * len(rows)
    scale = Linear(0.0, max(row["median_ms"] for row in rows) * MOST, LEFT, RIGHT)
    parts = [tag("text", _head(cell), x=8, y=top + 20, class_="tick strong")]
    for value in ticks(0.0, scale.high, 5):
        x = scale(value)
        parts.append(tag("line", x1=x, x2=x, y1=top + HEAD - 4, y2=bottom, class_="grid"))
        parts.append(tag("text", f"{value:g}", x=x, y=bottom + 16, class_="tick mid"))
    parts.append(tag("text", "ms", x=RIGHT + 14, y=bottom + 16, class_="axis"))
    parts += [_bar(cell, row, scale, top + HEAD + ROW * at) for at, row in enumerate(rows)]
    return joined(parts)


def _head(cell: Mapping[str, Any]) -> str:
    times = f"{counted(cell['rows'][0]['rounds'], 'round')} by turns"
    return f"{counted(cell['batch'], 'picture')} at a time, {counted(cell['threads'], 'thread')}; {times}"


def _bar(cell: Mapping[str, Any], row: Mapping[str, Any], scale: Linear, top: float) -> Markup:
    """A bar to the median, a thick line between the quartiles, a stroke at the 95th percentile."""
    middle = top + BAR / 2
    low, median, high, late = (scale(row[f"{key}_ms"]) for key in ("q1", "median", "q3", "p95"))
    high, end = min(high, RIGHT + 4), min(late, RIGHT + 4)
    heights = {"y1": top + 2, "y2": top + BAR - 2}
    stroke = [tag("line", x1=end, x2=end, **heights, style="stroke: var(--ink); stroke-width: 1.4")] * (late <= RIGHT)
    return tag(
        "g",
        tag("title", _told(cell, row)),
        tag("text", f"{row['form']} ({row['precision']})", x=LEFT - 8, y=middle + 4, class_="tick end"),
        tag("rect", x=LEFT, y=top, width=max(median - LEFT, 0.5), height=BAR, style="fill: var(--c); fill-opacity: .6"),
        tag("line", x1=low, x2=max(high, low + 0.5), y1=middle, y2=middle, style="stroke: var(--ink); stroke-width: 4"),
        tag("line", x1=high, x2=end, y1=middle, y2=middle, style="stroke: var(--ink)"),
        *stroke,
        tag("text", _value(row), x=RIGHT + 14, y=middle + 4, class_="tick"),
        class_=f"pt {'s1' if row['skips'] else 's0'}",
    )


def _value(row: Mapping[str, Any]) -> str:
    times = row["times_dense_fp32"]
    ratio = "" if times is None else f"; {times['median']:.3g}{SPACE}\N{MULTIPLICATION SIGN}"
    return f"{row['median_ms']:.3g}{SPACE}ms{ratio}"


def _told(cell: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    kind = "skips pruned weights" if row["skips"] else "dense"
    return (
        f"{row['form']} ({row['precision']}, {kind}), batch {cell['batch']}, {counted(cell['threads'], 'thread')}: "
        f"median {row['median_ms']:.3f} ms, quartiles {row['q1_ms']:.3f} and {row['q3_ms']:.3f}, 95th percentile "
        f"{row['p95_ms']:.3f}, {counted(row['calls'], 'call')}"
    )

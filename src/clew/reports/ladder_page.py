"""The page of a ladder: one HTML file that holds all it shows and opens without a network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clew.base.files import write_text
from clew.base.progress import SILENT, Progress
from clew.reports import words
from clew.reports.calibration import calibration
from clew.reports.classes import by_class
from clew.reports.costs import costs
from clew.reports.curves import NAMES, curves
from clew.reports.densities import heatmaps
from clew.reports.examples import examples
from clew.reports.figures import key_figures, level_table
from clew.reports.gaps import gap_chart
from clew.reports.histories import panels
from clew.reports.kept import kept_rows
from clew.reports.latency import latency
from clew.reports.pages import asset, page_text
from clew.reports.parts import part_maps
from clew.reports.protocol import has_videos, protocol
from clew.reports.series import drawn, tickets
from clew.reports.signatures import failures
from clew.tickets.ladder import Ladder

PAGE = "report.html"


def write_page(
    ladder: Ladder,
    summary: dict[str, Any],
    stores: Sequence[Path],
    out: Path | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Writes the page of a ladder to `out` (by default `report.html` in its folder) and returns where it is.

    `summary` is the ladder's own; `stores` are where crops for the examples may be read: one that is missing or
    was changed since costs the examples, nothing else. Equal ladders and crops give equal bytes.
    """
    path = ladder.path / PAGE if out is None else out
    with progress.task("writing the page", 2) as task:
        content = page_content(ladder, summary, stores)
        task.advance(1, "charts and tables")
        write_text(path, render(content))
        task.advance(1, path.name)
    return path


def page_content(ladder: Ladder, summary: Mapping[str, Any], stores: Sequence[Path]) -> dict[str, Any]:
    """All that the template shows, by section."""
    judged = tickets(summary)
    shown = drawn(summary)
    unit = "video" if has_videos(ladder.scores) else "picture"
    return {
        "summary": summary,
        "headline": summary["headline"]["text"],
        "figures": key_figures(ladder, summary),
        "series": shown,
        "curves": [(NAMES[figure], curves(summary, figure)) for figure in ("auc", "accuracy")],
        "gaps": gap_chart(summary),
        "rows": level_table(summary),
        "dense_more": _dense_more(summary),
        "kept": kept_rows(summary),
        "failures": failures(ladder, summary),
        "unit": unit,
        "classes": by_class(summary),
        "calibration": calibration(ladder, unit),
        "heatmaps": heatmaps(ladder, judged, summary.get("parts")),
        "part_maps": part_maps(summary, judged),
        "examples": examples(ladder, summary, stores),
        "panels": panels(ladder, shown),
        "latency": latency(ladder, summary),
        "costs": costs(ladder),
        "protocol": protocol(ladder, summary),
        "rewind": ladder.settings["rewind"],
        "words": words,
    }


def _dense_more(summary: Mapping[str, Any]) -> list[str]:
    """The dense net's other figures in words."""
    names = {"eer": "equal error rate", "ap": "average precision"}
    return [f"{name} {words.spoken(summary['dense'][key])}" for key, name in names.items() if key in summary["dense"]]


def render(content: Mapping[str, Any]) -> str:
    """The HTML text; whatever is not markup made here is escaped, and no script but the page's own may run."""
    script = asset("page.js")
    seal = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return page_text("ladder.html", **content, script=script, script_hash=seal)

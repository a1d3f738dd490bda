"""The report of a study: one HTML file with the claims judged, the first paper's Figure 2 and Table I redone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clew.base.files import write_text
from clew.reports import words
from clew.reports.curves import curves
from clew.reports.pages import page_text
from clew.reports.study_tables import (
    Cell,
    cost_table,
    figure,
    level_tables,
    protocol_table,
    retention_table,
    scope_table,
    transfer_tables,
    variant,
)

PAGE = "report.html"
VERDICTS = {
    "holds": "hold throughout",
    "mixed": "hold in part",
    "fails": "fail throughout",
    "undecided": "undecided",
}
BADGES = {"holds": "holds", "fails": "fails", "mixed": "warns", "undecided": "open", "not tested": "open"}


def write_study_page(results: Mapping[str, Any], out: Path) -> Path:
    """Writes the page of a study's results (see `clew.studies.collect`) to `out`; equal results give equal bytes."""
    write_text(out, render(study_content(results)))
    return out


def study_content(results: Mapping[str, Any]) -> dict[str, Any]:
    """All that the template shows."""
    return {
        "results": results,
        "headline": study_headline(results),
        "claims": results["claims"],
        "badges": BADGES,
        "figure": figure,
        "panels": panels(results["cells"]),
        "levels": level_tables(results["cells"]),
        "retention": retention_table(results["cells"]),
        "transfers": transfer_tables(results["transfers"]),
        "scopes": scope_table(results["comparisons"]),
        "costs": cost_table(results["cells"]),
        "protocol": protocol_table([*results["cells"], *results["transfers"]]),
        "words": words,
    }


def study_headline(results: Mapping[str, Any]) -> str:
    """The study in a sentence; an unfinished one says so first."""
    cells, missing = len(results["cells"]) + len(results["transfers"]), results["missing"]
    verdicts = [claim["verdict"] for claim in results["claims"] if claim["verdict"] != "not tested"]
    told = [f"{verdicts.count(one)} {word}" for one, word in VERDICTS.items() if one in verdicts]
    done = (
        f"{cells} {'search' if cells == 1 else 'searches'}, {words.counted(results['seeds'], 'seed')} each. "
        f"Of the paper's claims that were tested: {', '.join(told) or 'none'}."
    )
    if missing:
        return f"Not finished: {len(missing)} of {cells + len(missing)} searches are missing. So far: {done}"
    return done


def panels(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Figure 2 redone: for each dataset and detector the curves of accuracy and AUC, all scopes in one."""
    groups: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell["dataset"], cell["detector"], cell["rewind"], cell["score"]), []).append(cell)
    found = []
    for (dataset, detector, _, _), group in groups.items():
        merged = merge(group)
        title = f"{detector} on {dataset}" + (f", {more}" if (more := variant(group[0], False)) else "")
        figures = [(name, curves(merged, name)) for name in ("accuracy", "auc")]
        found.append({"title": title, "figures": figures})
    return found


def merge(cells: Sequence[Cell]) -> dict[str, Any]:
    """One summary whose methods are those of several scopes: the first's by their names, the others' with the scope."""
    first, *others = cells
    levels = list(first["summary"]["levels"])
    for cell in others:
        for row in cell["summary"]["levels"]:
            if not row["controls"]:
                levels.append({**row, "method": f"{words.method_name(row['method'])} {cell['scope']}"})
    return {**first["summary"], "levels": levels}


def render(content: Mapping[str, Any]) -> str:
    """The HTML text; whatever is not markup made here is escaped, and nothing on the page may run."""
    return page_text("study.html", **content)

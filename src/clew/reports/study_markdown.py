"""A study's results as Markdown: the claims with their verdicts, and every table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clew.reports.study_page import study_headline
from clew.reports.study_tables import (
    Table,
    cost_table,
    figure,
    level_tables,
    protocol_table,
    retention_table,
    scope_table,
    transfer_tables,
)


def study_markdown(results: Mapping[str, Any], depth: int = 1) -> str:
    """The text, its title a heading of `depth`."""
    mark = "#" * depth
    parts = [f"{mark} {results['name']}", results["about"], study_headline(results)]
    parts += [f"{mark}# The paper's claims", *(claim_text(claim) for claim in results["claims"])]
    parts += [f"{mark}# Every level", *(table_text(one, depth + 2) for one in level_tables(results["cells"]))]
    parts += [table_text(retention_table(results["cells"]), depth + 2)]
    if results["transfers"]:
        parts += [f"{mark}# Transfer", *(table_text(one, depth + 2) for one in transfer_tables(results["transfers"]))]
    if results["comparisons"]:
        parts += [table_text(scope_table(results["comparisons"]), depth + 1)]
    parts += [table_text(cost_table(results["cells"]), depth + 1)]
    parts += [table_text(protocol_table([*results["cells"], *results["transfers"]]), depth + 1)]
    return "\n\n".join(part for part in parts if part) + "\n"


def claim_text(claim: Mapping[str, Any]) -> str:
    """A claim, its verdict and rule, and its evidence as a table."""
    head = f"**{claim['title']}** *{claim['verdict'].capitalize()}*: {claim['text']} {claim['rule']}"
    if not claim["evidence"]:
        return head
    rows = [
        [
            one["where"],
            one["what"],
            figure(one["interval"], signed="minus" in one["what"]),
            str(one["interval"]["n"]) if one["interval"] else "",
            one["verdict"],
        ]
        for one in claim["evidence"]
    ]
    return f"{head}\n\n{_grid(['where', 'what', 'mean [90 % interval]', 'seeds', ''], rows)}"


def table_text(table: Table, depth: int) -> str:
    """A table under its heading; nothing where it has no rows."""
    if not table.rows:
        return ""
    note = f"\n\n{table.note}" if table.note else ""
    return f"{'#' * depth} {table.title}\n\n{_grid(table.heads, table.rows)}{note}"


def _grid(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_plain(value) for value in line) + " |" for line in lines)


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

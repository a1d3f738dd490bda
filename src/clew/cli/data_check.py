"""`clew data check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clew.cli.console import Json, finish, progress
from clew.datasets.disk import counted

if TYPE_CHECKING:
    from clew.datasets.checks import Report

EXAMPLE = "Example: clew data check people-store --strict"
MARKS = {"ok": "ok", "note": "note", "warning": "WARNING", "fault": "FAULT"}


def check(
    store: Annotated[Path, typer.Argument(help="Crop store, made by 'clew data crop'.")],
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too, not on faults alone.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Page to write.  [default: STORE-check.html]", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Look for leaks, duplicates, shortcuts, imbalance and losses; exit code 1 when there is a fault."""
    from clew.datasets.checks import check_store
    from clew.reports.check_page import check_page_path, write_check_page

    shown = progress()
    report = check_store(store, progress=shown)
    page = write_check_page(report, check_page_path(store) if html is None else html, progress=shown)
    passed = report.passed(strict)
    finish({**report.as_json(), "strict": strict, "passed": passed, "page": str(page)}, json, *lines(report, page))
    if not passed:
        raise typer.Exit(1)


def lines(report: Report, page: Path) -> list[str]:
    """The report for a terminal."""
    told = [f"{report.store.name}: {report.store.protocol}, hash {report.store.hash[:12]}"]
    for result in report.results:
        told += ["", result.title]
        for one in result.findings:
            told.append(f"  {MARKS[one.severity]:8} {one.text}")
            told += [f"  {'':8} {one.advice}"] if one.advice else []
    faults, warnings = report.count("fault"), report.count("warning")
    return [*told, "", f"{_count(faults, 'fault')}, {_count(warnings, 'warning')}; page: {page}"]


def _count(number: int, noun: str) -> str:
    return counted(number, noun) if number else f"no {noun}s"

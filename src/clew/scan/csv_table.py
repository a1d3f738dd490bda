"""Findings as a CSV file, a row for each."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from clew.base.files import atomic_path
from clew.scan.finding import Finding

COLUMNS = (
    "path",
    "verdict",
    "probability",
    "reason",
    "text",
    "kind",
    "persons",
    "counted_faces",
    "width",
    "height",
    "duration_s",
    "bytes",
    "sha256",
    "ticket",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Rows(Protocol):
    """Something that takes findings one by one."""

    def __call__(self, finding: Finding) -> None:
        """Adds one."""


@contextmanager
def csv_table(path: Path) -> Iterator[Rows]:
    """A table under way, which lies at `path` when the block ends well and not before."""
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        yield lambda finding: _write(writer, finding)
        file.flush()


def _write(writer: Any, finding: Finding) -> None:
    row = row_of(finding)
    writer.writerow([row[name] for name in COLUMNS])


def row_of(finding: Finding) -> dict[str, str | int | float]:
    """The cells of a finding by column; what is not known is empty."""
    cells: dict[str, Any] = {
        "path": finding.path,
        "verdict": finding.verdict,
        "probability": finding.probability,
        "reason": finding.reason,
        "text": finding.text,
        "kind": finding.kind,
        "persons": len(finding.persons),
        "counted_faces": sum(person.counted for person in finding.persons),
        **{name: finding.media.get(name) for name in ("width", "height", "duration_s")},
        **{name: finding.file.get(name) for name in ("bytes", "sha256")},
        "ticket": finding.ticket.get("hash"),
    }
    return {name: _cell(cells[name]) for name in COLUMNS}


def _cell(value: Any) -> str | int | float:
    """A number as it is; text so that no spreadsheet takes it for a formula."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text

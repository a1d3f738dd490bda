"""Findings on their way through, written to files that are whole when the last has passed, and not there before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clew.base.errors import ClewError
from clew.base.files import clear_errors
from clew.scan.csv_table import csv_table
from clew.scan.finding import Finding


def check_files(*paths: Path | None) -> None:
    """Raises ClewError where a file cannot come to lie: there is a folder of its name, or two have the same."""
    given = [path for path in paths if path is not None]
    for path in given:
        if path.is_dir():
            raise ClewError(f"{path} is a folder: give the name of a file.")
    if len({path.absolute() for path in given}) < len(given):
        raise ClewError(f"{given[0]} is given for two files: give each a name of its own.")


def tabled(findings: Iterable[Finding], path: Path) -> Iterator[Finding]:
    """The findings, which a CSV file at `path` holds once they have all been taken."""
    with csv_table(path) as add:
        for finding in findings:
            add(finding)
            yield finding


@contextmanager
def evidence_folder(page: Path | None, journal: Path | None) -> Iterator[Path | None]:
    """A folder for the pictures of decisive faces, if there is to be a page: kept beside a journal, else removed."""
    if page is None:
        yield None
        return
    if journal is not None:
        kept = journal.with_name(f"{journal.name}.evidence")
        with clear_errors(kept):
            kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with clear_errors(page):
        page.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=".clew-scan-", dir=page.parent)  # which other machines may see too
    with folder as name:
        yield Path(name)

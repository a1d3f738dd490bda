"""Findings on their way through, written to files that are whole when the last has passed, and not there before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clew.base.errors import ClewError
from clew.base.files import clear_errors
from clew.base.progress import SILENT, Progress
from clew.scan.csv_table import csv_table
from clew.scan.evidence import Shown, read_evidence
from clew.scan.finding import Finding
from clew.scan.journal import findings_in, line_of
from clew.scan.order import evidence_path


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


def paged(
    findings: Iterable[Finding], path: Path, evidence: Path | None = None, progress: Progress = SILENT
) -> Iterator[Finding]:
    """The findings, which a page at `path` shows once they have all been taken, with the pictures in `evidence`."""
    from clew.reports.scan_page import write_scan_page

    def shown(finding: Finding) -> dict[tuple[int, int], Shown]:
        where = None if evidence is None else evidence_path(evidence, finding)
        return {} if where is None or not where.is_file() else read_evidence(where)

    with tempfile.TemporaryDirectory(prefix="clew-") as folder:
        passed = Path(folder) / "findings"
        with passed.open("wb") as file:
            for finding in findings:
                file.write(line_of("", finding))
                yield finding
        write_scan_page(findings_in(passed), path, evidence=shown, progress=progress)


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

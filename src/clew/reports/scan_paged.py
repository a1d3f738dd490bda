"""Findings on their way through, shown on a page once the last has passed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress
from clew.reports.scan_page import write_scan_page
from clew.scan.evidence import Shown, read_evidence
from clew.scan.finding import Finding
from clew.scan.journal import findings_in, line_of
from clew.scan.order import evidence_path


def paged(
    findings: Iterable[Finding], path: Path, evidence: Path | None = None, progress: Progress = SILENT
) -> Iterator[Finding]:
    """The findings, which a page at `path` shows once they have all been taken, with the pictures in `evidence`."""

    def shown(finding: Finding) -> dict[tuple[int, int], Shown]:
        where = None if evidence is None else evidence_path(evidence, finding)
        if where is None or not where.is_file():
            return {}
        try:
            return read_evidence(where)
        except ClewError as error:  # its numbers are whole
            progress.say(f"{error} Its pictures are left out.")
            return {}

    with tempfile.TemporaryDirectory(prefix="clew-") as folder:
        passed = Path(folder) / "findings"
        with passed.open("wb") as file:
            for finding in findings:
                file.write(line_of("", finding))
                yield finding
        write_scan_page(findings_in(passed), path, evidence=shown, progress=progress)

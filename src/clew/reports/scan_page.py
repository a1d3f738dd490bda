"""The page of a scan: one HTML file, written as the findings come, in memory that does not grow with them."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from markupsafe import Markup

from clew.base.files import atomic_path
from clew.base.progress import SILENT, Progress
from clew.reports import words
from clew.reports.pages import asset, page_text, part_text
from clew.reports.scan_content import NAMES, content, group_of, row
from clew.scan.evidence import Evidence
from clew.scan.finding import Finding
from clew.scan.metadata.cleaned import cleaned

GROUPS = ("fake", "inconclusive", "real", "unreadable")  # in the order of the page
MOST_ROWS = {"fake": 5000, "inconclusive": 2500, "real": 2500, "unreadable": 1000}
MOST_FULL = {"fake": 200, "inconclusive": 100, "real": 50, "unreadable": 50}
OPENED = 3  # of a group that are shown at once
MOST_BYTES = 64 * 2**20  # of details
_ROWS, _DETAILS = Markup("\x00rows\x00"), Markup("\x00details\x00")  # characters that no text on a page may hold
TONES = {"fake": "bad", "inconclusive": "open", "real": "good", "unreadable": "open"}

EvidenceOf = Callable[[Finding], Evidence]


def write_scan_page(
    findings: Iterable[Finding],
    path: Path,
    *,
    evidence: EvidenceOf | None = None,
    title: str = "",
    progress: Progress = SILENT,
) -> Path:
    """Writes the page of findings to `path` and returns it; equal findings give equal bytes.

    `evidence` gives the crops and heatmaps of a finding; it is asked only for those shown in full. Every file is
    counted; the first `MOST_ROWS` of each verdict have a row, the first `MOST_FULL` all of what was found, as far as
    `MOST_BYTES` go, and the page says so. Raises ClewError when it cannot be written.
    """
    with atomic_path(path) as temporary, ExitStack() as stack:
        spools: dict[tuple[str, str], IO[bytes]] = {
            (part, group): stack.enter_context(TemporaryFile(dir=path.parent))
            for part in ("rows", "details")
            for group in GROUPS
        }
        page = _Page(spools, evidence)
        with progress.task("writing the page", None) as task:
            for finding in findings:
                page.add(finding)
                task.advance(1, finding.path)
        with temporary.open("wb") as out:
            page.write(out, title)
    return path


class _Page:
    """Rows and details on the disk by verdict, and what is counted."""

    def __init__(self, spools: dict[tuple[str, str], IO[bytes]], evidence: EvidenceOf | None) -> None:
        self.spools, self.evidence = spools, evidence
        self.counts: Counter[str] = Counter()
        self.shown: Counter[tuple[str, str]] = Counter()
        self.bytes = 0
        self.tickets: dict[str, str] = {}

    def add(self, finding: Finding) -> None:
        """Counts a finding, and shows as much of it as there is room for."""
        group = group_of(finding)
        self.counts[group] += 1
        number = sum(self.counts.values())
        if len(self.tickets) < 2 and finding.ticket.get("name"):
            self.tickets.setdefault(str(finding.ticket.get("hash", "")), str(finding.ticket["name"]))
        full = self.shown["details", group] < MOST_FULL[group] and self.bytes < MOST_BYTES
        if full:
            pictures = self.evidence(finding) if self.evidence is not None else {}
            opened = self.shown["details", group] < OPENED
            text = part_text("_scan_file.html", one=content(finding, number, pictures, opened)).encode()
            self.bytes += len(text)
            self._keep("details", group, text)
        if self.shown["rows", group] < MOST_ROWS[group]:
            self._keep("rows", group, part_text("_scan_row.html", one=row(finding, number, full)).encode())

    def _keep(self, part: str, group: str, text: bytes) -> None:
        self.spools[part, group].write(text.replace(b"\x00", b""))
        self.shown[part, group] += 1

    def write(self, out: IO[bytes], title: str) -> None:
        """The whole page, in pieces."""
        script = asset("scan.js")
        seal = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        text = page_text("scan.html", **self._content(title), script=script, script_hash=seal)
        before, _, rest = text.partition(str(_ROWS))
        middle, _, after = rest.partition(str(_DETAILS))
        for piece, part in ((before, "rows"), (middle, "details"), (after, "")):
            out.write(piece.encode())
            for group in GROUPS if part else ():
                spool = self.spools[part, group]
                spool.seek(0)
                shutil.copyfileobj(spool, out)

    def _content(self, title: str) -> dict[str, Any]:
        total = sum(self.counts.values())
        return {
            "title": cleaned(title) or "Findings",
            "headline": _headline(self.counts, total),
            "figures": [
                (NAMES[group], words.whole(self.counts[group]), words.percent(self.counts[group] / total), TONES[group])
                for group in GROUPS
                if self.counts[group] or group in ("fake", "real", "inconclusive")
            ]
            if total
            else [],
            "total": total,
            "left_out": self._left_out(total),
            "ticket": next(iter(self.tickets.values())) if len(self.tickets) == 1 else "",
            "rows": _ROWS,
            "details": _DETAILS,
        }

    def _left_out(self, total: int) -> str:
        """What the page does not show of all that was found."""
        rows, full = (sum(self.shown[part, group] for group in GROUPS) for part in ("rows", "details"))
        if full == total:
            return ""
        listed = "all are listed" if rows == total else f"the first {words.whole(rows)} are listed"
        return (
            f"Of {words.counted(total, 'file')} {listed} and {words.whole(full)} are shown in full, those called fake "
            "first; the JSON of the scan holds all of them."
        )


def _headline(counts: Counter[str], total: int) -> str:
    """All findings in a sentence."""
    if not total:
        return "No file was scanned."
    told = [f"{words.whole(counts[group])} {_NOUN[group]}" for group in GROUPS if counts[group]]
    listed = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return f"Of {words.counted(total, 'file')}: {listed}."


_NOUN = {"fake": "called fake", "inconclusive": "inconclusive", "real": "called real", "unreadable": "not readable"}

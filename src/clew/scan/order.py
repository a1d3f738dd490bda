"""What every process of a scan is told to do with the files that it is given."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.hashing import hash_file
from clew.base.progress import Progress
from clew.runtime.opened import opened
from clew.scan import wording
from clew.scan.evidence import write_evidence
from clew.scan.finding import Finding
from clew.scan.inputs import Entry
from clew.scan.keeping import Kept
from clew.scan.occlusion import Heatmaps
from clew.scan.one_file import scan_file
from clew.scan.reproduce import shown
from clew.scan.settings import ScanSettings
from clew.scan.ticket import ReadyTicket, packaged, ready_ticket

MakeHeatmaps = Callable[[ReadyTicket], Heatmaps]


@dataclass(frozen=True)
class Order:
    """Scan with the ticket at `ticket` whose hash is `hash`.

    `heatmaps` makes the hook that draws them, in the process that needs it; `evidence` a folder for the pictures of
    decisive faces, None where nobody asks for them.
    """

    ticket: Path
    hash: str
    settings: ScanSettings
    heatmaps: MakeHeatmaps | None = None
    evidence: Path | None = None

    def __call__(self) -> Callable[[Entry, Progress], Finding]:
        """Begins a process: see `begin`."""
        return begin(self)

    def with_threads(self, threads: int) -> Order:
        """The same on so many threads."""
        return replace(self, settings=replace(self.settings, threads=threads))

    def drawing(self, heatmaps: MakeHeatmaps | None, evidence: Path | None) -> Order:
        """The same, which keeps what a page shows."""
        return replace(self, heatmaps=heatmaps, evidence=evidence)

    def described(self) -> dict[str, Any]:
        """What changes its findings, for JSON."""
        chosen, model = self.settings, self.settings.model
        told = {"faces": chosen.faces, "frames": chosen.frames, "form": chosen.form}
        return {**told, "model": hash_file(model) if model is not None else ""}


def order(ticket: Path | None, settings: ScanSettings) -> Order:
    """An order for a ticket (None: the packaged one); raises ClewError for one that cannot be read."""
    path = packaged() if ticket is None else ticket
    if settings.model is not None and not settings.model.is_file():
        raise ClewError(f"--model {settings.model} is not a file.")
    return Order(path, opened(path).hash, settings)


def begin(wanted: Order) -> Callable[[Entry, Progress], Finding]:
    """Loads the ticket, and returns what scans one file with it."""
    ready = ready_ticket(wanted.ticket, wanted.settings)
    if ready.runtime.ticket.hash != wanted.hash:
        raise ClewError(f"{wanted.ticket} is another ticket than when the scan began.")
    hook = None if wanted.heatmaps is None else wanted.heatmaps(ready)

    def work(entry: Entry, progress: Progress) -> Finding:
        evidence: Kept | None = None if wanted.evidence is None else {}
        finding = named(scan_file(entry.path, ready, wanted.settings, hook, progress, evidence), entry)
        if wanted.evidence is not None:
            write_evidence(evidence_path(wanted.evidence, finding), evidence or {})
        return finding

    return work


def named(finding: Finding, entry: Entry) -> Finding:
    """A finding that speaks of its file by the name that it was given under."""
    path = str(entry.path)
    if entry.name == path:
        return finding
    told = {key: getattr(finding, key).replace(path, entry.name) for key in ("text", "command")}
    return replace(finding, path=entry.name, **told)


def unreadable(entry: Entry, why: str, ticket: Mapping[str, Any]) -> Finding:
    """The finding of a file that no process could read to its end."""
    text = wording.unreadable(shown(entry.path.name), shown(why))
    return Finding(shown(entry.name), "unknown", "inconclusive", None, "unreadable", text, ticket=ticket)


def evidence_path(folder: Path, finding: Finding) -> Path:
    """Where the pictures of a finding lie: one name for one file under one name."""
    told = f"{finding.path}\n{finding.file.get('sha256', '')}"
    return folder / f"{hashlib.sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.zip"

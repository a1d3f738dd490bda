"""Files that say in words what a scan is to find in them, or to do to the process that reads them."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clew.base.errors import ClewError
from clew.base.progress import Progress
from clew.scan.finding import Finding, PersonFinding
from clew.scan.inputs import Entry
from clew.scan.order import Order
from clew.scan.settings import ScanSettings


@dataclass(frozen=True)
class Told(Order):
    """Does what files say: real, fake, uncertain, broken, die, hang, slow; notes in the file `ticket` what it read."""

    def __call__(self) -> Callable[[Entry, Progress], Finding]:
        if self.hash == "refused":
            raise ClewError("the ticket cannot run here.")

        def work(entry: Entry, progress: Progress) -> Finding:
            with self.ticket.open("a") as log:
                log.write(entry.path.name + "\n")
            return finding_of(entry, entry.path.read_bytes())

        return work


def told(log: Path, **more: str) -> Told:
    """An order that notes in `log` what was read."""
    return Told(log, more.get("hash", "0" * 64), ScanSettings(frames=int(more.get("frames", "0"))))


def finding_of(entry: Entry, data: bytes) -> Finding:
    """What a file says that it is."""
    what = data.decode().split()[0]
    if what == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what in ("hang", "slow"):
        time.sleep({"hang": 60.0, "slow": 0.1}[what])
    if what == "bug":
        raise KeyError("no such thing")
    file = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    named = {
        "real": ("real", ""),
        "slow": ("real", ""),
        "fake": ("fake", ""),
        "uncertain": ("inconclusive", "uncertain"),
    }
    verdict, reason = named.get(what, ("inconclusive", "unreadable"))
    persons = () if reason == "unreadable" else (PersonFinding(1, verdict, 0.25, reason, 1, ()),)  # type: ignore[arg-type]
    score = None if reason == "unreadable" else 0.25
    return Finding(entry.name, "picture", verdict, score, reason, f"{entry.name}: {what}.", persons, file=file)  # type: ignore[arg-type]


def write(folder: Path, **files: str) -> Path:
    """Files NAME.jpg that say something each; "_" in a name is a folder's end."""
    for name, text in files.items():
        path = folder / f"{name.replace('_', '/')}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder

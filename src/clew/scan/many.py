"""Many files in, their findings out, in the same order: in processes of this machine or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError, unknown_name
from clew.base.executors import usable_cores
from clew.base.progress import SILENT, Progress
from clew.scan.crew import Crew
from clew.scan.finding import Finding
from clew.scan.inputs import Entry, Inputs
from clew.scan.journal import Journal
from clew.scan.order import Order, evidence_path, unreadable
from clew.scan.ray_crew import RayCrew

ENGINES = ("local", "ray")
SECONDS = 600.0  # that one file may take


def scan_many(
    inputs: Inputs,
    wanted: Order,
    *,
    engine: str = "local",
    workers: int = 0,
    seconds: float = SECONDS,
    journal: Path | None = None,
    limit: int | None = None,
    progress: Progress = SILENT,
) -> Iterator[Finding]:
    """A finding of each file, in the order of the inputs; each is made before those after it are waited for.

    Files are read in `workers` processes (0: one per core): one that dies there, or takes longer than `seconds`, is
    "unreadable" with the reason. `journal` a file that keeps findings as they are made: given again, files that have
    not changed are not scanned again. `limit` the first so many files. Memory does not grow with their number.
    Raises ClewError when there is nothing to scan, and for a ticket, engine or journal that cannot be used.
    """
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    if engine == "ray" and inputs.standard is not None and inputs.standard.media:
        raise ClewError("standard input is not seen by the machines of a cluster: save it as a file and give its path.")
    return _scan(inputs, wanted, engine, workers, seconds, journal, limit, progress)


def _scan(
    inputs: Inputs,
    wanted: Order,
    engine: str,
    workers: int,
    seconds: float,
    journal: Path | None,
    limit: int | None,
    progress: Progress,
) -> Iterator[Finding]:
    total = inputs.count() if limit is None else min(limit, inputs.count())
    count, threads = shares(workers or usable_cores(), total, wanted.settings.threads)
    start = wanted.with_threads(threads)
    with ExitStack() as stack:
        kept = stack.enter_context(Journal(journal, wanted.hash, wanted.described())) if journal is not None else None
        if kept is not None and kept.damaged:
            progress.say(
                f"{journal}: {kept.damaged} damaged or unfinished lines are left out; their files are scanned again."
            )
        notes = _Notes(wanted, kept)
        crew: Any
        if engine == "ray":
            crew = stack.enter_context(RayCrew(start, workers, seconds))
        else:
            crew = stack.enter_context(Crew(start, count, seconds, progress if total == 1 else SILENT))
        items: Iterable[Entry] = islice(inputs, limit)
        found = crew.in_order(items, notes.lost, notes.known, notes.made)
        if total == 1:
            yield from found
            return
        with progress.task("scanning", total) as task:
            notes.done = lambda name: task.advance(1, name)
            yield from found


class _Notes:
    """What is known of files already, and what is to be done with what is found."""

    def __init__(self, wanted: Order, kept: Journal | None) -> None:
        self.wanted, self.kept = wanted, kept
        self.ticket = {"name": wanted.ticket.name, "hash": wanted.hash}
        self.done: Any = lambda name: None

    def lost(self, entry: Entry, why: str) -> Finding:
        return unreadable(entry, why, self.ticket)

    def known(self, entry: Entry) -> Finding | None:
        finding = self.lost(entry, entry.why) if entry.why else None
        if finding is None and self.kept is not None:
            finding = self._kept(self.kept, entry)
        if finding is not None:
            self.done(entry.name)
        return finding

    def _kept(self, journal: Journal, entry: Entry) -> Finding | None:
        finding = journal.known(entry.name, entry.path)
        folder = self.wanted.evidence
        if finding is not None and folder is not None and not evidence_path(folder, finding).is_file():
            return None
        return finding

    def made(self, entry: Entry, finding: Finding) -> None:
        if self.kept is not None:
            self.kept.add(entry.name, finding)
        self.done(entry.name)


def shares(cores: int, files: int, threads: int) -> tuple[int, int]:
    """How many processes, and how many threads in each: what one file leaves free goes into it."""
    workers = max(1, min(cores, files))
    return workers, threads or max(1, cores // workers)

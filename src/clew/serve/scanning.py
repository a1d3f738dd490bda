"""The work of scanning: looks at an upload, scans it, keeps the crops beside."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from clew.base.memory import give_large_blocks_back
from clew.base.progress import Task
from clew.scan.finding import Finding
from clew.scan.one_file import scan_file
from clew.scan.reproduce import quoted
from clew.scan.ticket import ReadyTicket
from clew.serve.crops import Crops
from clew.serve.limits import Limits
from clew.serve.loaded import Loaded
from clew.serve.looking import look
from clew.serve.worker import Refused, Say, Work

EVERY_S = 0.1  # between two words on progress


def scanner(settings: Mapping[str, Any], say: Say) -> Work:
    """Work that takes calls {"do": "look", "path"} and {"do": "scan", "path", "name", "folder", "ticket", "frames"}."""
    give_large_blocks_back()
    limits, loaded = Limits(**settings["limits"]), Loaded(settings, eager=False)

    def work(call: Mapping[str, Any], say: Say) -> None:
        path = Path(call["path"])
        if call["do"] == "look":
            say("done", facts=look(path, limits))
        else:
            _scan(path, call, loaded, limits, say)

    return work


def _scan(path: Path, call: Mapping[str, Any], loaded: Loaded, limits: Limits, say: Say) -> None:
    ready = loaded.get(str(call["ticket"]))
    crops = Crops(limits.crops)
    settings = replace(loaded.settings, frames=int(call["frames"]))
    finding = scan_file(path, ready, settings, progress=_Told(say), every=crops)
    if not finding.readable:
        raise Refused("unreadable", named(finding, path, str(call["name"]), ready).text)
    faces = crops.settle(finding)
    size = crops.write(Path(call["folder"]))
    say("done", finding=named(finding, path, str(call["name"]), ready).as_dict(), faces=faces, bytes=size)


def named(finding: Finding, path: Path, name: str, ready: ReadyTicket) -> Finding:
    """The finding under the name that the upload came with; where it and the ticket lay is nobody's business."""
    command = finding.command.replace(quoted(path), quoted(Path(name)))
    command = command.replace(quoted(ready.path), quoted(Path(ready.path.name)))
    return replace(finding, path=name, text=finding.text.replace(path.name, name), command=command)


class _Told:
    """A Progress that tells the server the share that is done."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def say(self, text: str) -> None:
        """Nothing: the finding has its own notes."""

    @contextmanager
    def task(self, description: str, total: float | None) -> Iterator[Task]:
        """A task whose steps are told."""
        yield _ToldTask(self._say, total)


class _ToldTask:
    def __init__(self, say: Say, total: float | None) -> None:
        self._say, self._total, self._done, self._last = say, total, 0.0, 0.0

    def advance(self, steps: float = 1, note: str | None = None) -> None:
        self._done += steps
        now = time.monotonic()
        if self._total and now - self._last > EVERY_S:
            self._last = now
            self._say("progress", done=min(self._done / self._total, 1.0))

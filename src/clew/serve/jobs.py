"""The scans under way and those that are kept for a while, by names that nobody can guess."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from clew.serve.limits import Limits
from clew.serve.problems import Problem

State = Literal["queued", "running", "done", "failed", "cancelled", "handed-back"]
FINAL: tuple[State, ...] = ("done", "failed", "cancelled", "handed-back")


@dataclass(eq=False)
class Job:
    """One scan: `upload` its file while it is needed, `folder` where its crops are kept.

    `finding` is the whole one, for JSON; `faces` the (person, place) of each kept crop, in order; `crop` their side.
    """

    upload: Path
    folder: Path
    name: str
    ticket: str
    frames: int
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    state: State = "queued"
    progress: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)
    finding: dict[str, Any] | None = None
    faces: tuple[tuple[int, int], ...] = ()
    problem: Problem | None = None
    bytes: int = 0
    ended: float = 0.0
    told: bool = False  # somebody has seen how it ended
    task: asyncio.Task[None] | None = None
    looked: asyncio.Event = field(default_factory=asyncio.Event)  # its facts are known
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, state: State, problem: Problem | None = None) -> None:
        """Notes how it ended, once; its upload goes."""
        if self.state in FINAL:
            return
        self.state, self.problem, self.ended = state, problem, time.monotonic()
        self.upload.unlink(missing_ok=True)
        if state == "done":
            self.progress = 1.0
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.looked.set()
        self.over.set()


class Jobs:
    """All jobs; those that ended go after `kept_s`, and the oldest where there are too many or too large ones."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._jobs: dict[str, Job] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """One more."""
        self._jobs[job.id] = job

    def get(self, id: str) -> Job:
        """The job of that name; raises Problem."""
        job = self._jobs.get(id)
        if job is None:
            raise Problem("no-such-job", "no job has this name now; jobs are kept for a limited time only.")
        return job

    def all(self, *states: State) -> list[Job]:
        """Those in some states, the oldest first."""
        return [job for job in self._jobs.values() if job.state in states]

    def remove(self, job: Job) -> None:
        """Forgets a job, with its files."""
        self._jobs.pop(job.id, None)
        job.upload.unlink(missing_ok=True)
        shutil.rmtree(job.folder, ignore_errors=True)

    def expires_s(self, job: Job) -> float | None:
        """After how many seconds it will be forgotten, None while it is under way."""
        return max(0.0, round(job.ended + self.limits.kept_s - time.monotonic(), 1)) if job.ended else None

    def tidy(self) -> None:
        """Forgets what is to be forgotten."""
        now = time.monotonic()
        ended = sorted(self.all(*FINAL), key=lambda job: job.ended)
        size = sum(job.bytes for job in ended)
        for at, job in enumerate(ended):
            old = now - job.ended > self.limits.kept_s
            if old or len(ended) - at > self.limits.kept or size > self.limits.kept_bytes:
                size -= job.bytes
                self.remove(job)

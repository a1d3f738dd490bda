"""The service without its HTTP: takes uploads, lets workers scan them, keeps what came out, ends in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from clew.serve.arriving import Arriving, Upload
from clew.serve.folder import PrivateFolder
from clew.serve.jobs import FINAL, Job, Jobs
from clew.serve.lane import Lane
from clew.serve.metrics import Metrics
from clew.serve.offered import Offered, offer
from clew.serve.problems import Problem
from clew.serve.rescoring import page_call, rescore_call
from clew.serve.schemas import SAID, checked_finding
from clew.serve.settings import ServeSettings

SCORE_S = 60.0  # for a rescore or heatmap
TIDY_S = 1.0

log = logging.getLogger("clew.serve")


class Service:
    """All that a server holds; `open` before the first request, `close` at the end. Raises ClewError as `offer`."""

    def __init__(self, settings: ServeSettings) -> None:
        self.settings, self.limits = settings, settings.limits
        self.offer = offer(settings.ticket, settings.ladder)
        self.jobs = Jobs(self.limits)
        self.metrics = Metrics(self)
        self.ending = False
        told = {
            "tickets": {one.name: str(one.path) for one in self.offer.values()},
            "scan": dict(settings.scan),
            "limits": asdict(self.limits),
        }
        self.scanners = Lane(settings.scanner, told, settings.worker_count, self.limits.memory)
        crops_alone = {**told, "scan": {**settings.scan, "faces": "none"}}
        self.scorers = Lane(settings.scorer, crops_alone, 1, self.limits.memory)
        self._long = asyncio.Semaphore(max(1, settings.worker_count - 1))
        self._tidying: asyncio.Task[None] | None = None
        self.folder = PrivateFolder(settings.temp)
        self.arriving = Arriving(self.folder.uploads, self.limits)

    async def open(self) -> None:
        """Starts the workers; raises ClewError where they cannot work. Whoever calls closes it, whatever happens."""
        await self.scorers.open()
        await self.scanners.open()
        self._tidying = asyncio.create_task(self._tidy())

    async def close(self) -> None:
        """Ends everything at once and removes all files."""
        if self._tidying is not None:
            self._tidying.cancel()
        for job in self.jobs.all("queued", "running"):
            job.end("handed-back", _handed_back())
        await asyncio.gather(self.scanners.close(), self.scorers.close())
        self.folder.remove()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_S)
            self.jobs.tidy()

    @property
    def ready(self) -> bool:
        """Whether a scan would be taken now."""
        return not self.ending and self.scanners.able and self.scorers.able

    def check_room(self) -> None:
        """Raises Problem where no scan is taken now: asked before an upload is read, and after it."""
        if self.ending:
            raise Problem("shutting-down", "no new scans are taken: try again when it runs again.")
        if not self.scanners.able:
            raise Problem("not-ready", "no process that scans is there now: try again soon.")
        waiting = len(self.jobs.all("queued"))
        if waiting >= self.limits.queue:
            raise Problem("too-busy", f"{waiting} scans wait already: try again soon.")

    def ticket(self, name: str) -> Offered:
        """The ticket of that name, "" for the default one; raises Problem."""
        if not name:
            return self.offer.default
        if name not in self.offer:
            raise Problem("bad-value", f"no ticket is called {name!r}; there are: {', '.join(self.offer)}.")
        return self.offer[name]

    def submit(self, upload: Upload, ticket: str, frames: int) -> Job:
        """Makes a job of an upload, which is the job's from now on."""
        job = Job(upload.path, self.folder.jobs / upload.path.name, upload.form.name, ticket, frames)
        self.jobs.add(job)
        begun = time.monotonic()
        job.task = asyncio.create_task(self._run(job))
        job.task.add_done_callback(lambda task: self._over(job, time.monotonic() - begun))
        return job

    async def _run(self, job: Job) -> None:
        try:
            await self._scan(job)
            job.end("done")
        except Problem as problem:
            job.end("failed", problem)
        except Exception:  # what nobody thought of ends this job alone
            log.exception("a scan failed")
            job.end("failed", Problem("failed", "the service made a mistake, which its log tells."))

    def _over(self, job: Job, seconds: float) -> None:
        """After the job's task, which may have been cancelled before it began."""
        if job.state not in FINAL and self.ending:
            job.end("handed-back", _handed_back())
        job.end("cancelled", _cancelled())
        self.metrics.scanned(job, seconds)

    async def _scan(self, job: Job) -> None:
        async with self.scanners.worker() as worker, self._in_time():
            job.state = "running"
            said, _ = await worker.call({"do": "look", "path": str(job.upload), "cpu_s": self._cpu_s})
            job.facts = _facts(said)
            if not self.is_long(job):
                job.looked.set()
                await self._scanned(job, worker)
                return
        job.state = "queued"
        job.looked.set()
        async with self._long, self.scanners.worker() as worker, self._in_time():
            job.state = "running"
            await self._scanned(job, worker)

    async def _scanned(self, job: Job, worker: Any) -> None:
        call: dict[str, Any] = {"do": "scan", "path": str(job.upload), "name": job.name, "folder": str(job.folder)}
        call |= {"ticket": job.ticket, "frames": job.frames, "cpu_s": self._cpu_s}
        said, _ = await worker.call(call, lambda told: _progress(job, told))
        try:
            found = SAID.validate_python(said)
            job.finding = checked_finding(found.finding)
        except ValidationError as error:
            raise Problem("broke-the-decoder", "what the scan found is no finding.") from error
        job.faces, job.bytes = tuple(found.faces), found.bytes

    def is_long(self, job: Job) -> bool:
        """Whether a video that was looked at goes on as a job."""
        return float(job.facts["duration_s"]) > self.limits.short_s

    @property
    def _cpu_s(self) -> float:
        return 4 * self.limits.scan_s  # the clock ends it first, unless this server is gone or stuck

    def _in_time(self) -> contextlib.AbstractAsyncContextManager[Any]:
        return _Within(self.limits.scan_s)

    async def cancel(self, job: Job) -> None:
        """Ends a job now, whatever it does, and forgets it."""
        if job.state not in FINAL and job.task is not None:
            job.task.cancel()
            await asyncio.wait([job.task])
        self.jobs.remove(job)

    async def rescore(self, job: Job, ticket: Offered, heatmaps: bool) -> dict[str, Any]:
        """Scores a job's crops with another ticket; raises Problem."""
        finding = finding_of(job)
        said, _ = await self._ask(rescore_call(job, finding, ticket.name, heatmaps))
        return {key: value for key, value in said.items() if key != "say"}

    async def face(self, job: Job, person: int, place: int, heatmap_by: str = "") -> bytes:
        """A kept crop as JPEG, or its heatmap by a ticket as PNG; raises Problem."""
        finding_of(job)
        if (person, place) not in job.faces:
            raise Problem("no-such-face", f"no crop of person {person}, face {place} was kept.")
        call = {"do": "crop", "folder": str(job.folder), "at": job.faces.index((person, place))}
        _, data = await self._ask({**call, "do": "heatmap", "ticket": heatmap_by} if heatmap_by else call)
        return data

    async def page(self, job: Job) -> bytes:
        """The finding of a job as one HTML file, as `clew scan --html` writes it; raises Problem."""
        _, data = await self._ask(page_call(job, finding_of(job)))
        return data

    async def _ask(self, call: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        async with self.scorers.worker() as worker, _Within(SCORE_S):
            return await worker.call({**call, "cpu_s": 4 * SCORE_S})

    async def drain(self) -> None:
        """Takes nothing new, lets run what runs for `grace_s`, hands back the rest."""
        self.ending = True
        for job in self.jobs.all("queued"):
            _stop(job)
        until = time.monotonic() + self.settings.grace_s
        while time.monotonic() < until and (self.jobs.all("running") or self._untold()):
            await asyncio.sleep(0.05)
        running = self.jobs.all("running")
        for job in running:
            _stop(job)
        if running:
            await asyncio.wait([job.task for job in running if job.task is not None])

    def _untold(self) -> list[Job]:
        """Jobs whose end nobody has seen, that ended not long ago: somebody may be about to ask."""
        late = time.monotonic() - min(self.settings.grace_s, 5.0)
        return [job for job in self.jobs.all(*FINAL) if not job.told and job.ended > late]


class _Within:
    """So many seconds, or a Problem."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self._timeout = seconds, asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        try:
            await self._timeout.__aexit__(*error)
        except TimeoutError:
            raise Problem("too-much-work", f"it took more than {self.seconds:g} s.") from None


def done(job: Job) -> dict[str, Any]:
    """The finding of a job; raises Problem where there is none (yet)."""
    if job.problem is not None:
        raise job.problem
    if job.state != "done" or job.finding is None:
        raise Problem("not-done", f"the job is {job.state}: ask again when it is done.")
    return job.finding


def finding_of(job: Job) -> dict[str, Any]:
    """What is asked of a job that has a finding; raises Problem "not-done" where there is none, and never will be."""
    if job.problem is not None:
        raise Problem("not-done", f"the scan ended without a finding: {job.problem.detail}")
    return done(job)


def _facts(said: Mapping[str, Any]) -> dict[str, Any]:
    try:
        facts = dict(said["facts"])
        return {**facts, "duration_s": float(facts["duration_s"])}
    except (KeyError, TypeError, ValueError):
        raise Problem("broke-the-decoder", "what was seen of the file makes no sense.") from None


def _progress(job: Job, told: Mapping[str, Any]) -> None:
    share = told.get("done")
    if isinstance(share, int | float):
        job.progress = min(max(job.progress, float(share)), 1.0)


def _stop(job: Job) -> None:
    if job.task is not None:
        job.task.cancel()


def _handed_back() -> Problem:
    return Problem("shutting-down", "the service ends: send the file again when it runs again.")


def _cancelled() -> Problem:
    return Problem("cancelled", "it was cancelled before it was done.")

"""What routes need of a request."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Request

from clew.serve.jobs import Job
from clew.serve.service import FINAL, Service


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]


def _job(service: Here, id: Annotated[str, Path(description="a job's name", max_length=64)]) -> Job:
    return service.jobs.get(id)


Asked = Annotated[Job, Depends(_job)]


def document(service: Service, job: Job) -> dict[str, Any]:
    """A job as callers see it, a `JobDocument`; once it has ended, its end counts as told."""
    job.told = job.told or job.state in FINAL
    return {
        "id": job.id,
        "state": job.state,
        "progress": round(job.progress, 4),
        "name": job.name,
        "ticket": job.ticket,
        "finding": job.finding,
        "problem": None if job.problem is None else job.problem.as_dict(),
        "faces": [list(face) for face in job.faces],
        "expires_s": service.jobs.expires_s(job),
    }

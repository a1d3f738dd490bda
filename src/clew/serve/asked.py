"""What routes need of a request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from clew.serve.jobs import Job
from clew.serve.schemas import JobDocument
from clew.serve.service import FINAL, Service


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]


def _job(service: Here, id: Annotated[str, Path(description="a job's name", max_length=64)]) -> Job:
    return service.jobs.get(id)


Asked = Annotated[Job, Depends(_job)]


def document(service: Service, job: Job) -> JobDocument:
    """A job as callers see it; once it has ended, its end counts as told."""
    job.told = job.told or job.state in FINAL
    return JobDocument.model_construct(
        id=job.id,
        state=job.state,
        progress=round(job.progress, 4),
        name=job.name,
        ticket=job.ticket,
        finding=job.finding,
        problem=job.problem.as_dict() if job.problem is not None else None,
        faces=list(job.faces),
        expires_s=service.jobs.expires_s(job),
    )

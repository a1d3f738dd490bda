"""POST /v1/scan and POST /v1/jobs: a file in."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from clew.serve.arriving import Upload
from clew.serve.asked import Here, document
from clew.serve.jobs import FINAL, Job
from clew.serve.problems import Problem, declared
from clew.serve.schemas import FindingDocument, JobDocument
from clew.serve.service import Service, done

KNOWN = ("ticket", "frames")
JOB = "Clew-Job"  # a header: the job's name, by which its crops are had
_UPLOAD = (
    "bad-form", "too-slow", "too-large", "not-a-form", "bad-value", "empty", "too-busy", "shutting-down", "not-ready",
)  # fmt: skip
_SCAN = (
    *_UPLOAD, "unknown-kind", "unreadable", "too-many-pixels", "too-long", "too-much-work", "broke-the-decoder",
    "worker-lost", "cancelled",
)  # fmt: skip
_PLACE = {"description": "where the job is", "schema": {"type": "string"}}
_NAME = {"description": "the job's name", "schema": {"type": "string"}}
_FORM = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "a picture or video; its content tells which"},
        "ticket": {"type": "string", "description": "by name; the default one where it is left out"},
        "frames": {"type": "integer", "description": "of a video; 0: two a second, 8 to 64"},
    },
}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}}

router = APIRouter(tags=["scan"])


@router.post(
    "/v1/scan",
    response_model=FindingDocument,
    openapi_extra=_BODY,
    responses={
        200: {"headers": {JOB: _NAME}},
        202: {"model": JobDocument, "description": "It goes on as a job", "headers": {"Location": _PLACE}},
        **declared(_SCAN),
    },
)
async def scan(request: Request, service: Here) -> Any:
    """Scan a picture or a short video now; a long video, or one that takes long, goes on as a job (202)."""
    job = await _submitted(request, service)
    try:
        await _until_over(request, service, job)
    except asyncio.CancelledError:
        await service.cancel(job)
        raise
    if job.state not in FINAL:
        return _accepted(service, job)
    job.told = True
    try:
        return JSONResponse(done(job), headers={JOB: job.id})
    except Problem:
        service.jobs.remove(job)  # nobody has its name
        raise


@router.post(
    "/v1/jobs",
    status_code=202,
    response_model=JobDocument,
    openapi_extra=_BODY,
    responses={202: {"headers": {"Location": _PLACE}}, **declared(_UPLOAD)},
)
async def create(request: Request, service: Here) -> Any:
    """Scan a picture or video as a job: asked after by its name, and cancelled by it."""
    return _accepted(service, await _submitted(request, service))


async def _submitted(request: Request, service: Service) -> Job:
    service.check_room()
    upload = await service.arriving.read(request, KNOWN)
    try:
        service.check_room()
        ticket = service.ticket(upload.form.fields.get("ticket", ""))
        return service.submit(upload, ticket.name, _frames(service, upload))
    except BaseException:
        upload.path.unlink(missing_ok=True)
        raise


def _frames(service: Service, upload: Upload) -> int:
    told, most = upload.form.fields.get("frames", "0"), service.limits.frames
    if not (told.isascii() and told.isdigit() and len(told) < 9 and int(told) <= most):
        raise Problem("bad-value", f"'frames' is {told[:20]!r}: expected 0 to {most}.")
    return int(told)


async def _until_over(request: Request, service: Service, job: Job) -> None:
    """Waits for the job as long as a caller should: until it is over, or is found to be long, or they went away."""
    gone = asyncio.ensure_future(_gone(request))
    over, looked = asyncio.ensure_future(job.over.wait()), asyncio.ensure_future(_known_long(service, job))
    try:
        await asyncio.wait((gone, over, looked), timeout=service.limits.wait_s, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() and not over.done():
            await service.cancel(job)
    finally:
        for one in (gone, over, looked):
            one.cancel()


async def _known_long(service: Service, job: Job) -> None:
    await job.looked.wait()
    if job.state in FINAL or not service.is_long(job):
        await job.over.wait()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _accepted(service: Service, job: Job) -> JSONResponse:
    found = document(service, job)
    return JSONResponse(found, 202, {"Location": f"/v1/jobs/{job.id}"})

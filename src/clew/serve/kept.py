"""/v1/jobs/{id}: how far a scan is, what it found, its faces, and the same faces through other tickets."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response

from clew.serve.asked import Asked, Here, document
from clew.serve.jobs import Job
from clew.serve.offered import Offered
from clew.serve.problems import Problem, declared
from clew.serve.rescoring import shown_faces
from clew.serve.schemas import JobDocument, RescoredDocument
from clew.serve.service import Service, finding_of

MOST_WAIT_S = 30.0
_JOB = ("no-such-job", "bad-value")
_ENDED = ("not-done", "worker-lost", "shutting-down", "too-much-work", "broke-the-decoder")
_FACE = (*_JOB, *_ENDED, "no-such-face", "not-ready")

Number = Annotated[int, Path(ge=0, le=10**9)]
Ticket = Annotated[str, Query(max_length=255, description="a name, before any level; else the one that scanned")]

router = APIRouter(prefix="/v1/jobs/{id}", tags=["jobs"])


def _file(kind: str, text: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": text, "content": {kind: {"schema": {"type": "string", "format": "binary"}}}}}


@router.get("", response_model=JobDocument, responses=declared(_JOB))
async def state(
    service: Here,
    job: Asked,
    wait: Annotated[float, Query(ge=0, le=MOST_WAIT_S, description="seconds to wait for its end")] = 0.0,
) -> Any:
    """How far a job is, and once it is done, what it found."""
    if wait and not job.over.is_set():
        try:
            async with asyncio.timeout(wait):
                await job.over.wait()
        except TimeoutError:
            pass
    return JSONResponse(document(service, job))


@router.delete("", status_code=204, responses=declared(_JOB))
async def remove(service: Here, job: Asked) -> Response:
    """End a job at once, whatever it does, and forget it with all that was kept of it."""
    await service.cancel(job)
    return Response(status_code=204)


@router.post("/rescore", response_model=RescoredDocument, responses=declared((*_FACE, "unreadable")))
async def rescore(
    service: Here,
    job: Asked,
    level: Annotated[float | None, Query(ge=0, lt=1, description="of the ladder: 0 is dense")] = None,
    ticket: Ticket = "",
    heatmaps: Annotated[bool, Query(description="of the decisive faces too")] = False,
) -> Any:
    """Score the same faces with another ticket: of the ladder by `level`, or by name."""
    chosen = _ticket(service, job, level, ticket)
    finding = finding_of(job)
    said = await service.rescore(job, chosen, heatmaps)
    heats = zip(shown_faces(job, finding), said.pop("heatmaps", []), strict=False)
    told = [{"person": person, "place": place, "cells": cells} for (person, place), cells in heats]
    found = RescoredDocument.model_validate({**said, "ticket": chosen.as_dict(), "heatmaps": told})
    return JSONResponse(found.model_dump(mode="json"))


@router.get(
    "/finding.html",
    response_class=Response,
    responses={**_file("text/html", "The finding as one file, to keep"), **declared((*_JOB, *_ENDED, "not-ready"))},
)
async def finding_page(service: Here, job: Asked) -> Response:
    """The finding as a page with the decisive faces and their heatmaps, as `clew scan --html` writes it."""
    headers = {"Content-Disposition": "attachment"}  # it is no part of this site
    return Response(await service.page(job), headers=headers, media_type="text/html")


@router.get(
    "/faces/{person}/{place}.jpg",
    response_class=Response,
    responses={**_file("image/jpeg", "The face as the ticket was given it"), **declared(_FACE)},
)
async def face(service: Here, job: Asked, person: Number, place: Number) -> Response:
    """A face of the finding: of which person, at which place among that person's faces."""
    return Response(await service.face(job, person, place), media_type="image/jpeg")


@router.get(
    "/faces/{person}/{place}/heatmap.png",
    response_class=Response,
    responses={**_file("image/png", "The face with what speaks for fake in it"), **declared((*_FACE, "unreadable"))},
)
async def heatmap(
    service: Here,
    job: Asked,
    person: Number,
    place: Number,
    level: Annotated[float | None, Query(ge=0, lt=1)] = None,
    ticket: Ticket = "",
) -> Response:
    """Where in a face a ticket sees a fake: what its score loses when a place is blurred."""
    chosen = _ticket(service, job, level, ticket)
    return Response(await service.face(job, person, place, chosen.name), media_type="image/png")


def _ticket(service: Service, job: Job, level: float | None, name: str) -> Offered:
    if name or level is None:
        return service.ticket(name or job.ticket)
    found = service.offer.at(level)
    if found is None:
        known = ", ".join(f"{one.level:g}" for one in service.offer.steps) or "none"
        raise Problem("bad-value", f"the ladder has no ticket at {level:g}; there are: {known}.")
    return found

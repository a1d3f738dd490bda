"""What the server says of itself, and the page."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from clew.base.version import VERSION
from clew.serve.asked import Here
from clew.serve.metrics import CONTENT_TYPE
from clew.serve.page import PageFile, page_files
from clew.serve.problems import Problem, declared
from clew.serve.schemas import HealthDocument, TicketsDocument

_LIMITS = ("bytes", "pixels", "duration_s", "frames", "short_s", "kept_s")

router = APIRouter(tags=["about"])


@router.get("/v1/tickets", response_model=TicketsDocument)
async def tickets(service: Here) -> Any:
    """The tickets that scan here, and what they are."""
    return JSONResponse({"tickets": [one.as_dict() for one in service.offer.values()]})


@router.get("/v1/health", response_model=HealthDocument)
async def health(service: Here) -> Any:
    """How the server is, and what it lets an upload cost."""
    return JSONResponse(
        {
            "live": True,
            "ready": service.ready,
            "ending": service.ending,
            "version": VERSION,
            "workers": service.scanners.alive,
            "waiting": len(service.jobs.all("queued")),
            "running": len(service.jobs.all("running")),
            "limits": {name: getattr(service.limits, name) for name in _LIMITS},
        }
    )


@router.get("/v1/health/live", status_code=204)
async def live() -> Response:
    """Whether it answers at all; asks for no token."""
    return Response(status_code=204)


@router.get("/v1/health/ready", status_code=204, responses=declared(("not-ready",)))
async def ready(service: Here) -> Response:
    """Whether it takes scans."""
    if not service.ready:
        raise Problem("not-ready", "no scans are taken now.")
    return Response(status_code=204)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(service: Here) -> Response:
    """What the server counts, for Prometheus."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)


def page_router() -> APIRouter:
    """A route for each file of the page, so that no name leads anywhere else."""
    router = APIRouter(include_in_schema=False)
    for name, one in page_files().items():
        router.add_api_route(f"/{name}", partial(_file, one), methods=["GET", "HEAD"])
    return router


async def _file(one: PageFile, request: Request) -> Response:
    headers = {"ETag": one.tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == one.tag:
        return Response(status_code=304, headers=headers)
    return Response(one.data, media_type=one.media_type, headers=headers)

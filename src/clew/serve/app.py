"""The application: routes, guard and errors around one service."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from clew.base.version import VERSION
from clew.serve import about, kept, scans
from clew.serve.guard import Guard
from clew.serve.openapi import completed, stands_for
from clew.serve.problems import Problem, answer
from clew.serve.service import Service

_NAMES = {404: "not-found", 405: "wrong-method"}
TEXT = "Scans pictures and videos for faces that were forged. Errors are problem details, RFC 9457."


def create_app(service: Service) -> Guard:
    """The application of a service, which somebody else opens and closes."""
    app = FastAPI(
        title="Clew",
        summary="Deepfakes, found by winning tickets",
        description=TEXT,
        version=VERSION,
        docs_url=None,  # they would be fetched from elsewhere
        redoc_url=None,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    for router in (scans.router, kept.router, about.router, about.page_router()):
        app.include_router(router)
    app.add_exception_handler(Problem, answer)
    app.add_exception_handler(RequestValidationError, _unexpected)
    app.add_exception_handler(HTTPException, _elsewhere)
    app.add_exception_handler(Exception, _failed)
    app.openapi = lambda: completed(app, service)  # type: ignore[method-assign]
    return Guard(app, service.settings, service.metrics)  # outside of all, so that no answer goes round it


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    told = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()[:5])
    return await answer(request, Problem("bad-value", f"{told}."))


async def _elsewhere(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    problem = Problem(_NAMES.get(error.status_code, "bad-request"), "see /openapi.json for what can be asked.")
    response = await answer(request, problem)
    if problem.name == "wrong-method":
        response.headers["Allow"] = ", ".join(sorted(_methods(request)))
    return response


def _methods(request: Request) -> set[str]:
    """What may be done at a request's path: the framework tells but the first route's."""
    path, known = request.url.path, request.app.openapi()["paths"]
    return {method.upper() for template in known if stands_for(template, path) for method in known[template]} or {"GET"}


async def _failed(request: Request, error: Exception) -> JSONResponse:
    return await answer(request, Problem("failed", "the service made a mistake, which its log tells."))

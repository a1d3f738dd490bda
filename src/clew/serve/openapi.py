"""OpenAPI, completed by what routes cannot declare themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from clew.serve.problems import ProblemDetails, declared

if TYPE_CHECKING:
    from clew.serve.service import Service

EVERYWHERE = ("bad-request", "other-host", "too-slow", "failed", "too-busy")
UNSAFE = ("other-origin",)
_HTTP_VALIDATION = ("HTTPValidationError", "ValidationError")


def completed(app: FastAPI, service: Service) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
        )
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        schemas["ProblemDetails"] = ProblemDetails.model_json_schema()
        for name in _HTTP_VALIDATION:
            schemas.pop(name, None)
        for path, operations in found["paths"].items():
            for method, operation in operations.items():
                _complete(operation, path, method, bool(service.settings.token))
        if service.settings.token:
            found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        app.openapi_schema = found
    return app.openapi_schema


def _complete(operation: dict[str, Any], path: str, method: str, token: bool) -> None:
    """Adds what the guard and the server themselves may answer."""
    responses = operation["responses"]
    names = [*EVERYWHERE, *(UNSAFE if method != "get" else ())]
    if token and path != "/v1/health/live":
        names.append("token-needed")
        operation["security"] = [{"token": []}]
    if "422" in responses and "application/json" in responses["422"].get("content", {}):
        del responses["422"]
        names.append("bad-value")
    for status, told in declared(names).items():
        responses.setdefault(str(status), told)

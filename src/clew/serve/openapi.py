"""OpenAPI, completed by what routes cannot declare themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from clew.serve.problems import ProblemDetails, declared

if TYPE_CHECKING:
    from clew.serve.service import Service

EVERYWHERE = ("bad-request", "other-host", "too-slow", "failed", "too-busy")
UNSAFE = ("other-origin",)
OF_A_JOB = ("state", "remove", "rescore", "face", "heatmap")  # names of operations
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
                _name_values(operation, service)
        _link(found["paths"])
        if service.settings.token:
            found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        app.openapi_schema = found
    return app.openapi_schema


def stands_for(template: str, path: str) -> bool:
    """Whether a path of the document is that of a request."""
    return re.fullmatch(re.sub(r"\\{[a-z]+\\}", "[^/]+", re.escape(template)), path) is not None


def _name_values(operation: dict[str, Any], service: Service) -> None:
    """The tickets, levels and frames that this server takes."""
    names, levels = list(service.offer), [one.level for one in service.offer.steps]
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "ticket":
            parameter["schema"] = {"type": "string", "enum": ["", *names]}
        if parameter["name"] == "level":
            parameter["schema"] = {"type": "number", "enum": levels} if levels else {"type": "number", "maximum": -1}
    form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {}).get("schema")
    if form:
        form["properties"]["ticket"]["enum"] = names
        form["properties"]["frames"] |= {"minimum": 0, "maximum": service.limits.frames}


def _link(paths: dict[str, Any]) -> None:
    """What may be asked of a job once it is made."""
    asks = {name: {"operationId": name, "parameters": {"id": "$response.body#/id"}} for name in OF_A_JOB}
    for path in ("/v1/jobs", "/v1/scan"):
        paths[path]["post"]["responses"]["202"]["links"] = asks


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

"""What can go wrong for a caller, each with one status and name: problem details for HTTP, RFC 9457."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE = "application/problem+json"
SOON = 5  # seconds after which trying again may help

# Name -> status, title.
PROBLEMS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be understood"),
    "bad-form": (400, "The form cannot be read"),
    "token-needed": (401, "The token is missing or wrong"),
    "other-origin": (403, "The request comes from another site"),
    "not-found": (404, "There is nothing here"),
    "no-such-job": (404, "There is no such job"),
    "no-such-face": (404, "There is no such face"),
    "wrong-method": (405, "This cannot be done here"),
    "too-slow": (408, "The upload is too slow"),
    "not-done": (409, "The job is not done"),
    "cancelled": (409, "The job was cancelled"),
    "too-large": (413, "The upload is too large"),
    "not-a-form": (415, "Expected a form with a file"),
    "unknown-kind": (415, "The file is neither a picture nor a video that is read here"),
    "other-host": (421, "The request is meant for another host"),
    "bad-value": (422, "A value is not as expected"),
    "empty": (422, "The file is empty"),
    "unreadable": (422, "The file cannot be read"),
    "too-many-pixels": (422, "The picture is too large"),
    "too-long": (422, "The video is too long"),
    "too-much-work": (422, "The scan takes too long or too much memory"),
    "broke-the-decoder": (422, "The file ended the process that read it"),
    "too-many-headers": (431, "The request's head is too large"),
    "failed": (500, "The service made a mistake"),
    "too-busy": (503, "Too much is under way"),
    "worker-lost": (503, "The process that scanned was ended"),
    "shutting-down": (503, "The service is ending"),
    "not-ready": (503, "The service cannot scan now"),
}


class ProblemDetails(BaseModel):
    """RFC 9457: `type` names the problem, `detail` says what was found and what to do."""

    model_config = ConfigDict(extra="forbid")
    type: str = Field(pattern="^urn:clew:problem:[a-z-]+$")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str


class Problem(Exception):
    """Ends a request with one of `PROBLEMS`; `detail` is for the caller's eyes."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name, self.detail = name, detail

    @property
    def status(self) -> int:
        """Of the response."""
        return PROBLEMS[self.name][0]

    def as_dict(self) -> dict[str, Any]:
        """The problem's details."""
        status, title = PROBLEMS[self.name]
        return {"type": f"urn:clew:problem:{self.name}", "title": title, "status": status, "detail": self.detail}

    def headers(self) -> dict[str, str]:
        """That say what to do next."""
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return {"Retry-After": str(SOON)}
        if self.status == HTTPStatus.UNAUTHORIZED:
            return {"WWW-Authenticate": "Bearer"}
        return {}

    def response(self) -> JSONResponse:
        """The response that tells it."""
        return JSONResponse(self.as_dict(), self.status, self.headers(), MEDIA_TYPE)


async def answer(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's handler of `Problem`."""
    assert isinstance(error, Problem)
    request.state.problem = error.name
    return error.response()


def declared(names: Iterable[str]) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of responses with these problems."""
    by_status: dict[int, list[str]] = {}
    for name in names:
        by_status.setdefault(PROBLEMS[name][0], []).append(name)
    return {status: _declared(status, found) for status, found in sorted(by_status.items())}


def _declared(status: int, names: list[str]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": "; ".join(f"`{name}`: {PROBLEMS[name][1]}" for name in names),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        told["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    return told

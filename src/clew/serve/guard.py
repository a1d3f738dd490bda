"""What every request passes before anything looks at it: who may ask, and what browsers are told of the answer."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clew.serve.metrics import Metrics
from clew.serve.problems import Problem
from clew.serve.settings import ServeSettings

SAFE = ("GET", "HEAD", "OPTIONS")
GUARDED = ("/v1/", "/metrics", "/openapi.json")  # the page itself holds nothing
OPEN = ("/v1/health/live",)
LINGER_S, LINGER_BYTES = 5.0, 2**28  # of a body that nobody reads: whoever sends it shall see the answer

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src blob:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NOT_KEPT = "no-store"  # by browsers and proxies


class Guard:
    """ASGI: checks Host, Origin and token, adds the security headers, counts, and reads what was not read."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(scope, receive)
        answer = _Answer(scope, send, body)
        scope.setdefault("state", {})
        try:
            check(self.settings, scope["method"], scope["path"], Headers(scope=scope))
        except Problem as problem:
            scope["state"]["problem"] = problem.name
            await problem.response()(scope, body.receive, answer.send)
        else:
            await self.app(scope, body.receive, answer.send)
        self._count(scope, answer.status)

    def _count(self, scope: Scope, status: int) -> None:
        route = getattr(scope.get("route"), "path", "other")  # as declared: callers cannot make up new ones
        method = scope["method"] if scope["method"] in (*SAFE, "POST", "DELETE") else "other"
        self.metrics.requests.labels(route, method, str(status)).inc()
        if scope["state"].get("problem"):
            self.metrics.refused.labels(scope["state"]["problem"]).inc()


def check(settings: ServeSettings, method: str, path: str, headers: Mapping[str, str]) -> None:
    """Raises Problem for a request that is not this server's caller's own."""
    _check_host(settings, headers.get("host", ""))
    if method not in SAFE:
        _check_origin(headers)
    if settings.token and path.startswith(GUARDED) and path not in OPEN:
        _check_token(settings.token, headers.get("authorization", ""))


def _check_host(settings: ServeSettings, host: str) -> None:
    """Against DNS rebinding: a name that somebody else has pointed at this address is not ours."""
    if settings.hosts and name_of(host) not in settings.hosts:
        raise Problem("other-host", "this server goes by another name: --name tells it more of them.")


def _check_origin(headers: Mapping[str, str]) -> None:
    """Against requests that a page from elsewhere makes a browser send."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
    own = origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    if not own or site not in ("same-origin", "none"):
        raise Problem("other-origin", "pages from elsewhere may not ask this.")


def _check_token(token: str, given: str) -> None:
    kind, _, value = given.partition(" ")
    right = hmac.compare_digest(value.strip().encode(), token.encode())
    if kind.lower() != "bearer" or not right:
        raise Problem(
            "token-needed", "send 'Authorization: Bearer TOKEN' with the token that the server told at its start."
        )


def name_of(host: str) -> str:
    """A Host without its port, lower case."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() and (":" not in name or name.endswith("]")) else host.lower()


class _Body:
    """A request's body on its way to the application."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = Headers(scope=scope)
        self._receive = receive
        length = headers.get("content-length")
        self.whole = length in (None, "0") and "transfer-encoding" not in headers
        self.asked = headers.get("expect", "").lower() != "100-continue"  # else nothing comes before it is asked for

    async def receive(self) -> Message:
        """The next of it."""
        self.asked = True
        message = await self._receive()
        self.whole = self.whole or message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def drop(self) -> None:
        """Reads what is left, within limits."""
        if not self.asked:
            return
        left = LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_S):
                while not self.whole and left > 0:
                    left -= len((await self.receive()).get("body", b""))
        except TimeoutError:
            return


class _Answer:
    """A response on its way out; one that comes before the body's end closes the connection behind it."""

    def __init__(self, scope: Scope, send: Send, body: _Body) -> None:
        self.scope, self._send, self._body, self.status = scope, send, body, 0

    async def send(self, message: Message) -> None:
        """The next of it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._add_headers(MutableHeaders(scope=message))
        elif message["type"] == "http.response.body" and not message.get("more_body", False) and not self._body.whole:
            await self._send({**message, "more_body": True})
            await self._body.drop()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    def _add_headers(self, headers: MutableHeaders) -> None:
        for name, value in HEADERS.items():
            headers[name] = value
        headers.setdefault("Cache-Control", NOT_KEPT)
        if not self._body.whole:
            headers["Connection"] = "close"

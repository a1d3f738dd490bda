"""HTTP/1.1 as uvicorn speaks it, with a time within which a request's head must be there."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from clew.serve.guard import HEADERS
from clew.serve.problems import MEDIA_TYPE, Problem

_TOO_LONG = "too long"  # how h11 says that a head is larger than it may be


def guarded(head_s: float, connections: int) -> type[H11Protocol]:
    """A protocol whose connections end where no whole head came in `head_s`; at most so many `connections`."""

    class Guarded(H11Protocol):
        """One connection."""

        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > connections:
                self._refuse(Problem("too-busy", f"there are {connections} connections already."))
                return
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            self._refuse(Problem("bad-request", "this is not HTTP/1.1 as expected, or its head is too large."))

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._wait()

        def _wait(self) -> None:
            """Starts the clock where a head has begun or is due, stops it while a request is under way."""
            if self.cycle is not None and not self.cycle.response_complete:
                self._forget()
            elif self._timer is None and not self.transport.is_closing():
                self._timer = self.loop.call_later(head_s, self._late)

        def _forget(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _late(self) -> None:
            self._timer = None
            if self.cycle is None and not self.transport.is_closing():
                self._refuse(Problem("too-slow", f"the request's head did not come within {head_s:g} s."))
            elif not self.transport.is_closing():
                self.transport.close()

        def _refuse(self, problem: Problem) -> None:
            body = json.dumps(problem.as_dict()).encode()
            headers = {**HEADERS, **problem.headers(), "Content-Type": MEDIA_TYPE, "Connection": "close"}
            told = [(name.encode(), value.encode()) for name, value in headers.items()]
            told.append((b"Content-Length", str(len(body)).encode()))
            try:
                head = h11.Response(status_code=problem.status, headers=told)
                for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event) or b"")
            except h11.LocalProtocolError:  # an answer was under way
                pass
            self.transport.close()

    return Guarded

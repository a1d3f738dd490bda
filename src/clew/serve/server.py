"""Runs the service behind uvicorn until it is told to end."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from clew.base.errors import ClewError
from clew.serve.app import create_app
from clew.serve.protocol import guarded
from clew.serve.service import Service
from clew.serve.settings import ServeSettings

BACKLOG = 1024
_HEAD_BYTES = 32 * 1024
_CLOSE_S = 5  # for answers that are on their way when all work is done
_KEEP_ALIVE_S = 15


class Server(uvicorn.Server):
    """One that drains its service before it ends, with exit code 0; a second signal ends it at once."""

    def __init__(self, config: uvicorn.Config, service: Service, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.service, self._ready = service, ready
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def _serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await self.service.open()
            await super()._serve(sockets)
        finally:
            await self.service.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, and tells when it answers."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Of SIGTERM and Ctrl-C."""
        if self.service.ending or not self.started:
            self.should_exit = self.force_exit = True
        elif self._loop is not None:
            self.service.ending = True
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._draining = asyncio.ensure_future(self._drained())

    async def _drained(self) -> None:
        try:
            await self.service.drain()
        finally:
            self.should_exit = True

    def end(self) -> None:
        """As a signal does, for whoever runs it in a thread."""
        self.handle_exit(signal.SIGTERM, None)


def make_server(settings: ServeSettings, ready: Callable[[], None] = lambda: None) -> tuple[Server, socket.socket]:
    """A server and the socket that it will listen on, bound now; raises ClewError where that cannot be."""
    service = Service(settings)
    config = uvicorn.Config(
        create_app(service),
        http=guarded(settings.limits.head_s, settings.limits.connections),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # names of jobs are keys to them
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_CLOSE_S,
        h11_max_incomplete_event_size=_HEAD_BYTES,
    )
    return Server(config, service, ready), listening(settings.host, settings.port)


def listening(host: str, port: int) -> socket.socket:
    """A socket bound to an address; raises ClewError where that is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host.strip("[]"), port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise ClewError(f"{host}:{port} cannot be listened on ({error.strerror or error}): choose another.") from None
    return found

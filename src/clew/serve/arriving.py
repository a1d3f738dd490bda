"""An upload on its way in: never more than so many at once, so large, so slow."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from clew.serve.forms import Form, FormReader, too_large
from clew.serve.limits import Limits
from clew.serve.problems import Problem

_AROUND = 64 * 1024  # bytes of a form beside its file
_FULL = "there is no room for another upload now: try again soon."


@dataclass(frozen=True)
class Upload:
    """A form whose file lies at `path`, whose name says nothing of what the caller called it."""

    path: Path
    form: Form


class Arriving:
    """Reads uploads into `folder`."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        self.count = 0  # on their way
        self.bytes_read = 0  # ever

    async def read(self, request: Request, known: tuple[str, ...]) -> Upload:
        """The upload in a request, to be removed by the caller; raises Problem and leaves nothing behind."""
        self._check_length(request)
        path = self.folder / secrets.token_hex(16)
        with self._counted():
            try:
                return Upload(path, await self._form(request, path, known))
            except OSError:
                path.unlink(missing_ok=True)
                raise Problem("too-busy", _FULL) from None
            except BaseException:
                path.unlink(missing_ok=True)
                raise

    def _check_length(self, request: Request) -> None:
        told = request.headers.get("content-length", "")
        if told.isascii() and told.isdigit() and int(told) > self.limits.bytes + _AROUND:
            raise too_large(self.limits)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self.count >= self.limits.uploads:
            raise Problem("too-busy", f"{self.count} uploads are on their way already: try again soon.")
        if shutil.disk_usage(self.folder).free < self.limits.bytes:
            raise Problem("too-busy", _FULL)
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1

    async def _form(self, request: Request, path: Path, known: tuple[str, ...]) -> Form:
        reader = FormReader(request.headers.get("content-type", ""), path, self.limits, known, self._grew)
        try:
            came, begun = 0, time.monotonic()
            more = True
            while more:
                piece, more = await self._piece(request)
                came += len(piece)
                if came > self.limits.bytes + _AROUND:
                    raise too_large(self.limits)
                self._check_pace(came, time.monotonic() - begun)
                reader.write(piece)
            return reader.finish()
        finally:
            reader.close()

    def _grew(self, count: int) -> None:
        self.bytes_read += count

    def _check_pace(self, came: int, seconds: float) -> None:
        limits = self.limits
        if seconds > limits.idle_s and came < limits.rate * seconds:
            raise Problem("too-slow", f"it came at less than {limits.rate:,} bytes a second.")
        if seconds > limits.upload_s:
            raise Problem("too-slow", f"it took more than {limits.upload_s:g} s.")

    async def _piece(self, request: Request) -> tuple[bytes, bool]:
        """The next bytes of the body, and whether more will come."""
        try:
            async with asyncio.timeout(self.limits.idle_s):
                message = await request.receive()
        except TimeoutError:
            raise Problem("too-slow", f"nothing came for {self.limits.idle_s:g} s.") from None
        if message["type"] == "http.disconnect":
            raise Problem("bad-form", "the connection broke off.")
        return message.get("body", b""), message.get("more_body", False)

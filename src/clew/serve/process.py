"""One worker process as the server sees it: starts, is called, is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from clew.base.errors import ClewError
from clew.serve.messages import Garbled, packed, receive
from clew.serve.problems import Problem

# -P: nothing is imported from the current folder.
COMMAND = (sys.executable, "-P", "-c", "from clew.serve.worker import main; main()")
START_S = 300.0  # a ticket's forms may be measured first
_OURS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGSYS}

Tell = Callable[[Mapping[str, Any]], None]


class Worker:
    """A process that `work` ("module:function") runs in; one call at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.broken = False  # it is of no more use

    @classmethod
    async def start(cls, work: str, settings: Mapping[str, Any], memory: int) -> Worker:
        """Starts one and waits until it is ready; raises ClewError where it cannot work."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is not for it, and with it go all that it may have started
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(START_S):
                await worker._send({"work": work, "settings": settings, "memory": memory})
                said, _ = await receive(worker._out)
        except (TimeoutError, EOFError, Garbled) as error:
            await worker.kill()
            raise ClewError(f"a worker process could not start ({error or worker.ending()}).") from None
        except BaseException:
            await worker.kill()
            raise
        if said.get("say") != "ready":
            await worker.kill()
            raise ClewError(str(said.get("detail", "a worker process could not start.")))
        return worker

    async def call(self, call: Mapping[str, Any], tell: Tell | None = None) -> tuple[dict[str, Any], bytes]:
        """What it answers, with raw bytes; `tell` hears what it says on the way.

        Raises Problem for what it refuses and where it ends. Cancelled or failed on the way it is `broken`.
        """
        self.broken = True  # until the answer is whole
        try:
            await self._send(call)
            while True:
                said, data = await receive(self._out)
                what = said.get("say")
                if what in ("done", "refused", "failed"):
                    break
                if tell is not None:
                    tell(said)
        except (EOFError, ConnectionError):
            await self.kill()
            raise self._ended() from None
        except Garbled:
            raise Problem("broke-the-decoder", "the process that read the file went wrong.") from None
        self.broken = False
        if what == "refused":
            raise Problem(str(said.get("problem")), str(said.get("detail")))
        if what == "failed":
            raise Problem("unreadable", str(said.get("detail")))
        return said, data

    def _ended(self) -> Problem:
        code = -(self.process.returncode or 0)
        if code == signal.SIGXCPU:
            return Problem("too-much-work", "it took more processor time than is allowed.")
        if code in _OURS:
            return Problem("broke-the-decoder", f"the process that read the file {self.ending()}.")
        return Problem("worker-lost", f"the process that scanned it {self.ending()}; the others go on: try again.")

    def ending(self) -> str:
        """How it ended."""
        code = self.process.returncode
        if code is None or code >= 0:
            return f"ended with exit code {code}"
        return f"was ended by {signal.Signals(-code).name}"

    def stop(self) -> None:
        """Ends it, with all that it may have started, now."""
        self.broken = True
        if self.process.returncode is None:  # else its number may be another's by now
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    async def kill(self) -> None:
        """Ends it, and waits until it is gone."""
        self.stop()
        await self.process.wait()

    async def _send(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.writelines(packed(message))
        await self.process.stdin.drain()

    @property
    def _out(self) -> asyncio.StreamReader:
        assert self.process.stdout is not None
        return self.process.stdout

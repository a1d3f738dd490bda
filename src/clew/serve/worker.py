"""A worker process: reads what others sent, scans and scores it, and may be killed at any moment.

`main` reads messages (see `clew.serve.messages`) from standard input and answers on standard
output. The first one says what to load. One call follows another; each ends with "done", "refused" or "failed".
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, BinaryIO

from clew.base.errors import ClewError
from clew.serve.messages import read, write

_PARENT_DEATH = 1  # PR_SET_PDEATHSIG, prctl(2)
_FILES = 256

Say = Callable[..., None]  # say(what, data=b"", **more)
Work = Callable[[Mapping[str, Any], Say], None]


class Refused(Exception):
    """A file that is not scanned: `name` one of `clew.serve.problems.PROBLEMS`."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name, self.detail = name, detail


def main() -> None:
    """Answers calls until standard input ends."""
    calls, answers = _pipes()
    _end_with_parent()
    asked = read(calls)
    if asked is None:
        return
    _limit(asked)
    say = _sayer(answers)
    try:
        module, _, name = str(asked["work"]).partition(":")
        work: Work = getattr(import_module(module), name)(asked["settings"], say)
    except ClewError as error:
        say("failed", detail=str(error))
        return
    say("ready")
    while (call := read(calls)) is not None:
        _allow(float(call.get("cpu_s", 0)))
        _answer(work, call, say)


def _answer(work: Work, call: Mapping[str, Any], say: Say) -> None:
    try:
        work(call, say)
    except Refused as error:
        say("refused", problem=error.name, detail=error.detail)
    except MemoryError:
        say("refused", problem="too-much-work", detail="reading it takes more memory than is allowed")
    except Exception as error:  # noqa: BLE001  # nothing that a file does may end the service
        say("failed", detail=str(error) if isinstance(error, ClewError) else f"{type(error).__name__}: {error}"[:500])


def _sayer(pipe: BinaryIO) -> Say:
    def say(what: str, data: bytes = b"", **more: Any) -> None:
        write(pipe, {"say": what, **more}, data)

    return say


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes, out of the reach of libraries that print or ask."""
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdin = open(os.devnull)  # noqa: SIM115
    return calls, answers


def _end_with_parent() -> None:
    """However the server ends, its workers do; Ctrl-C in a terminal is the server's to deal with."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PARENT_DEATH, int(signal.SIGKILL))


def _limit(asked: Mapping[str, Any]) -> None:
    memory = int(asked["memory"])
    for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, _FILES)):
        _set(kind, most)


def _set(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (soft, hard))


def _allow(seconds: float) -> None:
    """Of processor time from now; a process that takes more is ended by the system, whatever it hangs in."""
    if seconds > 0:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _set(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds) + 1)

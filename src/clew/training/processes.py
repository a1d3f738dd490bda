"""One call in several processes of this machine: they end together, and what goes wrong comes back in words."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, NamedTuple

from clew.base.errors import ClewError

Report = Callable[[float, str], None]
GRACE_SECONDS = 15.0  # for the others to end by themselves once one has failed: they may be writing
POLL_SECONDS = 0.5
TORCH_LEVEL = "TORCH_CPP_LOG_LEVEL"
KILLED = "one of {count} processes was killed: nothing finished is lost, the same command goes on. Out of memory?"


class Here(NamedTuple):
    """A process's place among the others: its number, how many there are, and a path on which they can meet."""

    rank: int
    of: int
    meeting: Path
    report: Report


def together(count: int, function: Callable[..., Any], args: tuple[Any, ...], report: Report) -> Any:
    """`function(here, *args)` in `count` new processes; what the first of them returns.

    `function`, `args` and the result must be picklable. What a process tells `here.report` is told to `report` here.
    Raises ClewError with the first cause when a process fails or is killed; the others are ended. They end with
    this process too, whatever becomes of it.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="clew-") as folder:
        members: dict[Connection, Any] = {}
        try:
            for rank in range(count):
                reader, writer = context.Pipe(duplex=False)
                place = (rank, count, Path(folder) / "meeting")
                members[reader] = context.Process(target=_member, args=(writer, os.getpid(), place, function, args))
                with _quiet():
                    members[reader].start()
                writer.close()  # so that the end of the process is the end of what can be read
            return _first_result(list(members), report)
        finally:
            _end(members)


@contextmanager
def _quiet() -> Iterator[None]:
    """Processes begun within hear from torch's own code of errors alone: it reads this when it is imported."""
    before = os.environ.get(TORCH_LEVEL)
    os.environ[TORCH_LEVEL] = before or "ERROR"
    try:
        yield
    finally:
        if before is None:
            del os.environ[TORCH_LEVEL]


def _first_result(readers: list[Connection], report: Report) -> Any:
    """Listens to all until each is done, or one failed and the grace is over."""
    count, first, failures = len(readers), readers[0], list[tuple[int, str]]()
    open_, result, deadline = set(readers), None, float("inf")
    while open_:
        left = None if deadline == float("inf") else max(0.0, deadline - time.monotonic())
        ready = wait(list(open_), left)
        if not ready:
            break
        for reader in (r for r in readers if r in ready):
            kind, value = _said(reader)
            if kind == "report":
                report(*value)
                continue
            open_.discard(reader)
            if kind == "done":
                result = value if reader is first else result
                continue
            failures.append((("error", "killed", "other").index(kind), value or KILLED.format(count=count)))
            deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
    if failures:  # where one is gone the others meet a broken connection: that is not the cause
        raise ClewError(min(failures, key=lambda failure: failure[0])[1])
    return result


def _said(reader: Any) -> tuple[str, Any]:
    try:
        kind, value = reader.recv()
    except (EOFError, OSError):
        return "killed", None
    return kind, value


def _end(members: dict[Connection, Any]) -> None:
    """Ends what still runs, and lets go of all."""
    deadline = time.monotonic() + POLL_SECONDS  # one that is done needs a moment to be gone
    for reader, process in members.items():
        reader.close()
        if process.pid is not None:
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()
    for process in members.values():
        if process.pid is not None:
            process.join()
            process.close()


class _Told:
    """Sends what is reported to the process that began this one."""

    def __init__(self, writer: Connection) -> None:
        self.writer = writer

    def __call__(self, steps: float, note: str) -> None:
        self.writer.send(("report", (steps, note)))


def _member(
    writer: Connection, parent: int, place: tuple[int, int, Path], function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    """The life of a process; it ends without the interpreter's farewell, which may wait for processes long gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent meets Ctrl-C too, and ends all
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        said = _outcome(f"process {place[0] + 1} of {place[1]}", lambda: function(Here(*place, _Told(writer)), *args))
        writer.send(said)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)


def _outcome(who: str, call: Callable[[], Any]) -> tuple[str, Any]:
    """What a call returns, or its error in one line, fit to be sent."""
    try:
        result = call()
        ForkingPickler.dumps(result)
        return "done", result
    except ClewError as error:
        return "error", str(error)
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is told to the parent
        words = next((line for line in str(error).splitlines() if line.strip()), "")
        return "other", f"{who}: {type(error).__name__}: {words}"


def _end_with(parent: int) -> None:
    """Ends this process when its parent is gone."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)

"""One process of a crew: how it begins, what it is given, what it says, how it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from clew.base.executors import end_with, main_left_alone
from clew.base.jobs import tell
from clew.base.progress import SILENT, Progress
from clew.scan.told import ProgressSender

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Item, Progress], Result]

BEGIN_SECONDS = 600.0  # a ticket that is loaded for the first time is compiled, and its forms are measured


@dataclass
class Slot(Generic[Item, Result]):
    """An item's place in the order."""

    item: Item
    done: bool = False
    result: Result | None = None
    tries: int = 0


class Worker:
    """A process, and the slot that it works on."""

    def __init__(self, begin: Callable[[], Work[Any, Any]], shown: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, os.getpid(), begin, shown), daemon=True)
        with main_left_alone(_home(begin)):
            self.process.start()
        theirs.close()  # so that the end of the process is the end of what can be read
        self.ready = False
        self.slot: Slot[Any, Any] | None = None
        self.deadline = time.monotonic() + BEGIN_SECONDS

    def take(self, slot: Slot[Any, Any], seconds: float) -> None:
        self.slot = slot
        if self.ready:
            self.deadline = time.monotonic() + seconds
        with suppress(OSError):  # it is gone: the end of what can be read tells so
            self.pipe.send(slot.item)

    def end(self) -> int | None:
        """Ends it and returns its exit code."""
        self.process.kill()
        self.process.join()
        self.pipe.close()
        return self.process.exitcode


def _home(begin: Callable[..., Any]) -> str:
    """The module that a process must import for `begin`: a function, a `functools.partial` or an object of a class."""
    function = getattr(begin, "func", begin)
    return str(getattr(function, "__module__", type(function).__module__))


def _serve(pipe: Connection, parent: int, begin: Callable[[], Work[Any, Any]], shown: bool) -> None:
    """The life of a process: it begins, and works until there is nobody to work for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent meets Ctrl-C too, and ends all
    threading.Thread(target=end_with, args=(parent, threading.Event()), daemon=True).start()
    _hush()
    try:
        work = begin()
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is told to the parent
        pipe.send(("refused", tell(error)))
        return
    pipe.send(("ready", None))
    progress: Progress = ProgressSender(pipe.send) if shown else SILENT
    while True:
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            said = ("done", work(item, progress))
        except Exception as error:  # noqa: BLE001
            said = ("failed", tell(error))
        pipe.send(said)


def _hush() -> None:
    """What libraries of C print of a broken file would stand between the results."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)

"""Progress that another process shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from clew.base.progress import Task

EVERY_SECONDS = 0.2


class ProgressSender:
    """A Progress that sends what it is told.

    ("task", (description, total)), ("step", (steps, note)), ("task over", None), ("say", text).
    """

    def __init__(self, send: Callable[[tuple[str, Any]], None]) -> None:
        self.send = send

    def say(self, text: str) -> None:
        self.send(("say", text))

    @contextmanager
    def task(self, description: str, total: float | None) -> Iterator[Task]:
        self.send(("task", (description, total)))
        task = _Sent(self.send)
        try:
            yield task
        finally:
            task.flush()
            self.send(("task over", None))


class _Sent:
    """Sends its steps together, a few times a second."""

    def __init__(self, send: Callable[[tuple[str, Any]], None]) -> None:
        self.send, self.steps, self.note = send, 0.0, ""
        self.last = time.monotonic()

    def advance(self, steps: float = 1, note: str | None = None) -> None:
        self.steps += steps
        self.note = self.note if note is None else note
        if time.monotonic() - self.last >= EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        self.send(("step", (self.steps, self.note)))
        self.steps, self.last = 0.0, time.monotonic()

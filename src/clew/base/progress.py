"""How long work tells that it moves on: library code reports here, the command line draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of work under way."""

    def advance(self, steps: float = 1, note: str | None = None) -> None:
        """`steps` more are done; `note` says what is being worked on."""


class Progress(Protocol):
    """Something that shows tasks."""

    def task(self, description: str, total: float | None) -> AbstractContextManager[Task]:
        """A context that yields a Task of `total` steps (None: unknown) and ends it."""

    def say(self, text: str) -> None:
        """One line for the user to keep, shown above the moving part."""


class _SilentTask:
    def advance(self, steps: float = 1, note: str | None = None) -> None:
        pass


class Silent:
    """A Progress that shows nothing: the default of every library function."""

    @contextmanager
    def task(self, description: str, total: float | None) -> Iterator[Task]:
        yield _SilentTask()

    def say(self, text: str) -> None:
        pass


SILENT: Progress = Silent()

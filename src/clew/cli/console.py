"""What all commands share: progress on standard error, results on standard output, errors in one line."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from clew.base.progress import Progress, Task

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
INTERRUPTED = 130  # what the command-line library makes of Ctrl-C
PLAIN_SECONDS = 10.0
EARLY = 0.01
SPACES, NO_BREAK = str.maketrans("\n\r\t", "   "), "\N{NO-BREAK SPACE}"

errors = Console(stderr=True, highlight=False, soft_wrap=True)
out = Console(highlight=False, soft_wrap=True)


class Interrupted(SystemExit):
    """Ctrl-C, and what a user should know then."""

    def __init__(self, text: str) -> None:
        super().__init__(INTERRUPTED)
        self.text = text


@contextmanager
def heeding_sigterm() -> Iterator[None]:
    """While the block runs, SIGTERM ends it as an error would, so that nothing half-written is left: exit code 143."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class TerminalProgress:
    """Bars with an ETA on a terminal; elsewhere a plain line every ten seconds."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet

    def say(self, text: str) -> None:
        if not self.quiet:
            errors.print(printable(text), style="dim", markup=False)

    @contextmanager
    def task(self, description: str, total: float | None) -> Iterator[Task]:
        if not errors.is_terminal:
            yield _PlainTask(description, total)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}"),
        )
        with Bars(*columns, console=errors) as bars:
            yield _BarTask(bars, bars.add_task(description, total=total, note=""))


class _BarTask:
    def __init__(self, bars: Bars, number: Any) -> None:
        self.bars, self.number = bars, number

    def advance(self, steps: float = 1, note: str | None = None) -> None:
        self.bars.advance(self.number, steps)
        if note is not None:
            self.bars.update(self.number, note=note)


class _PlainTask:
    def __init__(self, description: str, total: float | None) -> None:
        self.description, self.total, self.done = description, total, 0.0
        self.start = self.told = time.monotonic()

    def advance(self, steps: float = 1, note: str | None = None) -> None:
        self.done += steps
        now = time.monotonic()
        if now - self.told < PLAIN_SECONDS or not self.total:
            return
        if (
            self.done < EARLY * self.total and now - self.start < 6 * PLAIN_SECONDS
        ):  # start-up tells nothing of the rest
            return
        self.told = now
        left = (now - self.start) * (self.total / max(self.done, 1e-9) - 1)
        errors.print(f"{self.description}: {100 * self.done / self.total:.0f} %, about {span(left)} left", markup=False)


def span(seconds: float) -> str:
    """A time for people: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def printable(text: str) -> str:
    """A line as it may go to a terminal: names from files may hold control characters, which move its cursor."""
    kept = text.translate(SPACES)
    return "".join(letter if letter.isprintable() or letter == NO_BREAK else "?" for letter in kept)


def progress() -> Progress:
    """The progress of a command."""
    return TerminalProgress()


def finish(value: dict[str, Any], as_json: bool, *lines: str) -> None:
    """Prints the result: JSON for machines, lines for people."""
    if as_json:
        sys.stdout.write(json.dumps(value, indent=1, allow_nan=False) + "\n")
        return
    for line in lines:
        out.print(printable(line), markup=False)

"""All checks of a store, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clew.base.progress import SILENT, Progress
from clew.datasets.checks.base import Report, Subject, checks
from clew.datasets.store import open_store


def check_store(path: Path | str, *, only: Sequence[str] | None = None, progress: Progress = SILENT) -> Report:
    """Checks a crop store for leaks, duplicates, shortcuts, imbalance and drops; nothing is changed.

    `only`: names of the checks to run, all by default. Raises ClewError when it is no store, or for an unknown name.
    """
    chosen = [(checks.get(name), name) for name in (checks.names() if only is None else only)]
    subject = Subject(open_store(path), progress)
    return Report(subject.store, tuple(one.run(subject) for one, _ in sorted(chosen, key=lambda c: (c[0].order, c[1]))))

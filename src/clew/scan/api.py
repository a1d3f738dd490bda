"""`clew.scan` as Python calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import overload

from clew.base.progress import SILENT, Progress
from clew.scan.finding import Finding
from clew.scan.one_file import scan_file
from clew.scan.settings import AUTO, ScanSettings
from clew.scan.ticket import ready_ticket


@overload
def scan(
    path: Path | str,
    ticket: Path | str | None = None,
    *,
    faces: str = AUTO,
    model: Path | str | None = None,
    frames: int = 0,
    form: str = AUTO,
    threads: int = 0,
    progress: Progress = SILENT,
) -> Finding: ...


@overload
def scan(
    path: list[Path] | list[str] | tuple[Path | str, ...],
    ticket: Path | str | None = None,
    *,
    faces: str = AUTO,
    model: Path | str | None = None,
    frames: int = 0,
    form: str = AUTO,
    threads: int = 0,
    progress: Progress = SILENT,
) -> Iterator[Finding]: ...


def scan(
    path: Path | str | list[Path] | list[str] | tuple[Path | str, ...],
    ticket: Path | str | None = None,
    *,
    faces: str = AUTO,
    model: Path | str | None = None,
    frames: int = 0,
    form: str = AUTO,
    threads: int = 0,
    progress: Progress = SILENT,
) -> Finding | Iterator[Finding]:
    """The finding on a picture or video by a ticket (None: the packaged one); of a list an iterator over findings.

    `faces`, `model`, `frames`, `form` and `threads` as `clew.scan.settings.ScanSettings` says. Raises ClewError for
    settings or a ticket that cannot be used; a file that cannot be read gives a finding that says why.
    """
    settings = ScanSettings(faces, None if model is None else Path(model), frames, form, threads)
    ready = ready_ticket(ticket, settings)
    if isinstance(path, str | Path):
        return scan_file(Path(path), ready, settings, progress=progress)
    return (scan_file(Path(one), ready, settings, progress=progress) for one in path)

"""`clew.scan` as Python calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import overload

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress
from clew.scan.finding import Finding
from clew.scan.inputs import Inputs
from clew.scan.many import scan_many
from clew.scan.one_file import scan_file
from clew.scan.order import order
from clew.scan.settings import AUTO, SPARSE, ScanSettings
from clew.scan.ticket import ready_ticket


@overload
def scan(
    path: Path | str,
    ticket: Path | str | None = None,
    *,
    faces: str = AUTO,
    model: Path | str | None = None,
    frames: int = 0,
    form: str = SPARSE,
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
    form: str = SPARSE,
    threads: int = 0,
    workers: int = 0,
    progress: Progress = SILENT,
) -> Iterator[Finding]: ...


def scan(
    path: Path | str | list[Path] | list[str] | tuple[Path | str, ...],
    ticket: Path | str | None = None,
    *,
    faces: str = AUTO,
    model: Path | str | None = None,
    frames: int = 0,
    form: str = SPARSE,
    threads: int = 0,
    workers: int = 0,
    progress: Progress = SILENT,
) -> Finding | Iterator[Finding]:
    """The finding on a picture or video by a ticket (None: the packaged one); of a list an iterator over findings.

    A list may hold folders and patterns; it is read in `workers` processes (0: one per core), so that a file that ends
    its process costs no other, and a script needs no guard around this call. `faces`, `model`, `frames`, `form` and
    `threads` as `clew.scan.settings.ScanSettings` says. Raises ClewError for settings or a ticket that cannot be used;
    a file that cannot be read gives a finding that says why.
    """
    settings = ScanSettings(faces, None if model is None else Path(model), frames, form, threads)
    if isinstance(path, str | Path):
        return scan_file(_file(Path(path)), ready_ticket(ticket, settings), settings, progress=progress)
    wanted = order(None if ticket is None else Path(ticket), settings)
    return scan_many(Inputs([str(one) for one in path]), wanted, workers=workers, progress=progress)


def _file(path: Path) -> Path:
    if path.is_dir():
        raise ClewError(
            f"{path} is a folder: give it in a list, clew.scan([{str(path)!r}]), for a finding of each file."
        )
    return path

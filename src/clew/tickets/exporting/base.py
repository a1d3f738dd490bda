"""What every export does: read the ticket, write what is not there yet, and say what came out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress
from clew.base.registry import Registry
from clew.tickets.ticket import Ticket, load_ticket


@dataclass(frozen=True)
class Export:
    """What a format wrote: `facts` for machines, `lines` for people."""

    facts: dict[str, Any]
    lines: tuple[str, ...] = field(default=())


Format = Callable[[Ticket, Path, Progress], Export]  # writes atomically to a path where nothing is
formats: Registry[Format] = Registry("export format")


def export_ticket(ticket: Path | str, out: Path | str, format: str = "onnx", progress: Progress = SILENT) -> Export:
    """Writes a ticket in another format to `out`, whole or not at all.

    Raises ClewError for an unknown format, when `out` is there already, the file is no whole ticket, its network has
    no inference graph where the format needs one, or what was written does not give the ticket's logits.
    """
    write, out = formats.get(format), Path(out)
    if out.exists() or out.is_symlink():
        raise ClewError(f"{out} exists: choose another --out, or remove it first.")
    place = next(folder for folder in out.parents if folder.exists())
    if not place.is_dir():
        raise ClewError(f"{out} cannot be written: {place} is a file, not a folder.")
    found = write(load_ticket(ticket), out, progress)
    return Export({"format": format, "ticket": str(ticket), "out": str(out), **found.facts}, found.lines)

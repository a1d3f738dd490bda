"""What every export does: read the ticket, write what is not there yet, and say what came out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress
from clew.base.registry import Registry
from clew.tickets.ticket import load_ticket


@dataclass(frozen=True)
class Export:
    """What a format wrote: `facts` for machines, `lines` for people."""

    facts: dict[str, Any]
    lines: tuple[str, ...] = field(default=())


Format = Callable[..., Export]  # (Ticket, Path, Progress), perhaps `runtime`; writes whole to a path where nothing is
formats: Registry[Format] = Registry("export format")


def export_ticket(
    ticket: Path | str,
    out: Path | str,
    format: str = "onnx",
    progress: Progress = SILENT,
    runtime: Path | str | None = None,
) -> Export:
    """Writes a ticket in another format to `out`, whole or not at all.

    `runtime` is where onnxruntime-web lies for the format `web`; None: the cache, or the npm registry. Raises ClewError
    for an unknown format, when `out` is there already, the file is no whole ticket, its network has no inference graph
    where the format needs one, or what was written does not give the ticket's logits.
    """
    write, out = _with_runtime(format, runtime), Path(out)
    if out.exists() or out.is_symlink():
        raise ClewError(f"{out} exists: choose another --out, or remove it first.")
    place = next(folder for folder in out.parents if folder.exists())
    if not place.is_dir():
        raise ClewError(f"{out} cannot be written: {place} is a file, not a folder.")
    found = write(load_ticket(ticket), out, progress)
    return Export({"format": format, "ticket": str(ticket), "out": str(out), **found.facts}, found.lines)


def _with_runtime(format: str, runtime: Path | str | None) -> Format:
    write = formats.get(format)
    if runtime is None:
        return write
    if "runtime" not in inspect.signature(write).parameters:
        raise ClewError(f"--runtime is for formats that bring a runtime along, such as web; '{format}' brings none.")
    return partial(write, runtime=Path(runtime))

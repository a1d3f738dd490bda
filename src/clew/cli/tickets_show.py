"""`clew tickets show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clew.base.errors import ClewError
from clew.cli.console import Json, finish
from clew.cli.import_weights import meaning
from clew.cli.tables import ladder_lines

EXAMPLE = "Example: clew tickets show ladder; clew tickets show ladder/tickets/imp-s0-80.safetensors --json"


def show(
    path: Annotated[Path, typer.Argument(help="A ladder (folder) or a ticket (file).")],
    json: Json = False,
) -> None:
    """Tell what a ladder found, or what a ticket file is."""
    if path.is_dir() or not path.exists():
        from clew.tickets.ladder import open_ladder

        summary = open_ladder(path).summary()
        finish(summary, json, *ladder_lines(summary))
        return
    from clew.tickets.file import read_ticket

    header = read_ticket(path).header
    try:
        lines = _ticket_lines(path, header)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ClewError(f"{path}: its header is not that of a ticket ({error!r}).") from None
    finish({**header, "bytes": path.stat().st_size}, json, *lines)


def _ticket_lines(path: Path, header: dict[str, Any]) -> list[str]:
    counts, detector = header["sparsity"], header["detector"]
    return [
        f"{path}: {path.stat().st_size / 1024:.1f} KiB, checksum right",
        f"  {detector['name']} at {detector['input_size']} px, {header['protocol']}",
        f"  {_origin(header)}",
        f"  {100 * counts['sparsity']:.2f} % of {counts['prunable']:,} weights are zero, {counts['remaining']:,} live; "
        f"{100 * counts['macs_sparsity']:.1f} % of the multiply-adds fall away",
        f"  {_figures(header)}",
    ]


def _origin(header: dict[str, Any]) -> str:
    """How a search made the ticket, or whose weights it holds."""
    search, source = header["search"], header.get("source")
    if source is not None:
        return (
            f"imported from {source['file']} ({source['form']}, SHA-256 {source['sha256'][:16]}...), {meaning(header)}"
        )
    return f"{search['method']}, {search['scope']}, rewind {search['rewind']}, seed {search['seed']}"


def _figures(header: dict[str, Any]) -> str:
    if not header["metrics"]:
        return "not measured yet"
    test = header["metrics"]["test"]
    return (
        f"on the test part of {header['data'][0]['name']}: AUC {test['auc']:.4f}, accuracy {test['accuracy']:.4f} "
        "(one seed; the ladder has the intervals)"
    )

"""`clew export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.console import Json, finish, progress
from clew.cli.outside import Trust
from clew.cli.outside import trust as import_trusted

EXAMPLE = "Example: clew export ladder/tickets/imp-s0-80.safetensors --format onnx --out detector.onnx"


def export(
    ticket: Annotated[Path, typer.Argument(help="A ticket file, found by a search or made by 'clew import'.")],
    out: Annotated[Path, typer.Option(help="What to write; nothing may be there yet.")],
    format: Annotated[
        str,
        typer.Option(
            help="onnx; ticket: the ticket again, with the inference graph that old ones lack; ticket-fp16: the same, "
            "weights rounded to 16 bits."
        ),
    ] = "onnx",
    trust: Trust = None,
    json: Json = False,
) -> None:
    """Write a ticket for other programs, or again in another form, and tell what came out."""
    from clew.tickets.exporting import export_ticket

    import_trusted(trust or [])
    found = export_ticket(ticket, out, format, progress())
    finish(found.facts, json, *found.lines)

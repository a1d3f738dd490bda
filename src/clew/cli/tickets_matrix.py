"""`clew tickets matrix`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clew.cli.console import Json, finish, progress
from clew.cli.fakes import warning_lines
from clew.cli.tables import interval, plain

EXAMPLE = "Example: clew tickets matrix ladder other-ladder moved moved-back --level 0.8 --out matrix"


def matrix(
    ladders: Annotated[
        list[Path],
        typer.Argument(help="Ladders of single searches, and of 'clew tickets transfer' between their data."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for matrix.json, matrix.svg and matrix.html.")],
    level: Annotated[
        float | None,
        typer.Option(help="The sparsity that the picture shows; default: the highest that every transfer has."),
    ] = None,
    json: Json = False,
) -> None:
    """Where tickets were found against where they are trained: what bringing them along costs, as a matrix."""
    from clew.reports.matrix_page import write_matrix
    from clew.tickets.transfer_matrix import transfer_matrix

    shown = progress()
    found = transfer_matrix(ladders, level, shown)
    where = write_matrix(found, out, shown)
    lines = [
        *_lines(found),
        "",
        *warning_lines(found["warnings"]),
        *(f"{name}: {path}" for name, path in where.items()),
    ]
    finish({**found, **where}, json, *lines)


def _lines(found: dict[str, Any]) -> list[str]:
    """The tickets at the level, a line each: every mean with its 90 % interval."""
    rows = [
        (plain(cell["found"]), plain(cell["trained"]), _kind(ticket), ticket)
        for cell in found["cells"]
        for ticket in cell["tickets"]
        if ticket["level"] in (0.0, found["level"])
    ]
    heads = ("found on", "trained on", "ticket")
    wide = [max(len(head), *(len(row[at]) for row in rows)) for at, head in enumerate(heads)]
    names = " ".join(f"{head:{width}}" for head, width in zip(heads, wide, strict=True))
    lines = [
        f"{found['detector']}, {found['scope']}, rewind {found['rewind']}, at {100 * found['level']:g} %, "
        "intervals 90 %",
        "",
        f"{names} {'AUC':24} {'minus own':25} {'minus dense':25} {'minus random':25} verdict",
    ]
    for *texts, ticket in rows:
        name = " ".join(f"{text:{width}}" for text, width in zip(texts, wide, strict=True))
        gaps = " ".join(f"{interval(ticket[key], True):25}" for key in ("minus_own", "minus_dense", "minus_random"))
        lines.append(f"{name} {interval(ticket['auc']):24} {gaps} {ticket['verdict'] or ''}".rstrip())
    return lines


def _kind(ticket: dict[str, Any]) -> str:
    return f"{ticket['method']} of {ticket['of']}" if ticket["method"] == "zero-shot" else str(ticket["method"])

"""`clew tickets transfer`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.base.errors import ClewError
from clew.cli.console import Json, finish, progress
from clew.cli.fakes import fakes_lines, method_names, origin_lines
from clew.cli.tables import ladder_lines
from clew.cli.tickets_find import numbers

EXAMPLE = (
    "Example: clew tickets transfer ladder other-store --out moved --sparsity 0.6,0.8; "
    "clew tickets transfer ladder store --fakes NeuralTextures --out moved"
)


def transfer(
    ladder: Annotated[Path, typer.Argument(help="The ladder whose tickets are brought along.")],
    stores: Annotated[list[Path], typer.Argument(help="Crop stores of other data, made by 'clew data crop'.")],
    out: Annotated[Path, typer.Option(help="Where the ladder goes; one that holds the same search is taken further.")],
    weights: Annotated[
        str, typer.Option(help="With commas: rewound (as there), trained (as there), fresh.")
    ] = "rewound,trained,fresh",
    fakes: Annotated[
        str,
        typer.Option(
            help="Train and test on these manipulation methods alone, with commas, or on all.  "
            "[default: the ladder's own, where the stores have them]"
        ),
    ] = "",
    from_: Annotated[
        Path | None, typer.Option("--from", help="The weights that the ladder was begun with, where it was.")
    ] = None,
    sparsity: Annotated[str, typer.Option(help="The levels to bring along, such as 0.6,0.8; default: all.")] = "",
    seeds: Annotated[int, typer.Option(help="How many of the ladder's seeds; 0: all.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Trainings at a time; 0: as many as there are cores for.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Train the tickets of one dataset (or manipulation method) on another, and judge them by what is found there."""
    from clew.base.executors import LocalExecutor
    from clew.reports.ladder_page import write_page
    from clew.tickets.ladder import open_ladder
    from clew.tickets.origin import warnings
    from clew.tickets.transfer import transfer_tickets

    shown = progress()
    chosen = open_ladder(ladder).settings["seeds"]
    if seeds > len(chosen):
        raise ClewError(f"--seeds {seeds}: {ladder} has {len(chosen)}.")
    found = transfer_tickets(
        ladder,
        stores,
        out,
        weights=[name.strip() for name in weights.split(",") if name.strip()],
        levels=numbers(sparsity),
        seeds=chosen[:seeds] if seeds else (),
        fakes=method_names(fakes) if fakes else None,
        start=from_,
        executor=LocalExecutor(workers) if workers else None,
        progress=shown,
    )
    summary = found.summary()
    page = write_page(found, summary, stores, progress=shown)
    about = {"fakes": found.settings["fakes"], "origin": found.settings["origin"], "warnings": warnings(found)}
    lines = [*ladder_lines(summary), *fakes_lines(found.settings), *origin_lines(found), f"page: {page}"]
    finish({**summary, **about, "ladder": str(out), "page": str(page)}, json, *lines)

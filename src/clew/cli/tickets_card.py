"""`clew tickets card`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.console import Json, finish, progress
from clew.cli.outside import Trust
from clew.cli.outside import trust as import_trusted

EXAMPLE = "Example: clew tickets card calibrated.safetensors store other-store --out calibrated.md"


def card(
    ticket: Annotated[Path, typer.Argument(help="A calibrated ticket file.")],
    stores: Annotated[list[Path], typer.Argument(help="Crop stores whose test parts it is measured on.")],
    out: Annotated[Path, typer.Option(help="Markdown file to write.")],
    left_out: Annotated[
        list[Path] | None,
        typer.Option(
            help="A ticket of the same recipe, trained without some of the stores and measured on those; repeatable."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(help="About so many pictures of each store go through the corruptions; 0: all.", min=0)
    ] = 500,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples behind the intervals.")] = 1000,
    scores: Annotated[
        Path | None, typer.Option(help="Folder where scores are kept, so that the same command goes on.")
    ] = None,
    trust: Trust = None,
    json: Json = False,
) -> None:
    """Write a ticket's model card: data, figures with intervals, robustness, failures, limits, licence."""
    from clew.base.files import write_text
    from clew.reports.card_markdown import card_markdown
    from clew.tickets.card import ticket_card

    import_trusted(trust or [])
    found = ticket_card(
        ticket, stores, left_out=left_out or [], limit=limit, resamples=resamples, scores=scores, progress=progress()
    )
    write_text(out, card_markdown(found))
    finish({**found, "card": str(out)}, json, f"{out}: card of {ticket}, {len(found['sources'])} sources")

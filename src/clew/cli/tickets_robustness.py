"""`clew tickets robustness`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.base.errors import ClewError
from clew.cli.console import Json, finish, progress
from clew.cli.outside import Trust
from clew.cli.outside import trust as import_trusted
from clew.cli.robustness_lines import robustness_lines
from clew.cli.tickets_find import numbers

EXAMPLE = "Example: clew tickets robustness ladder --method imp,one-shot --sparsity 0.6,0.8 --out robustness"


def robustness(
    ladder: Annotated[Path, typer.Argument(help="The ladder whose tickets are put under stress.")],
    stores: Annotated[
        list[Path] | None, typer.Argument(help="Crop stores; without any, those that the ladder was made of.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for scores (kept, never made twice) and results; default: LADDER/robustness."),
    ] = None,
    method: Annotated[
        str, typer.Option(help="With commas: imp, one-shot, random-of-imp, ...; default: all but controls.")
    ] = "",
    sparsity: Annotated[str, typer.Option(help="The levels, such as 0.6,0.8; default: all.")] = "",
    limit: Annotated[
        int, typer.Option(help="About so many test pictures of each store, by whole videos; 0: all.", min=0)
    ] = 1000,
    attack: Annotated[bool, typer.Option("--attack/--no-attack", help="Also under a gradient attack (PGD).")] = True,
    attack_limit: Annotated[int, typer.Option(help="Of the attack: about so many pictures; 0: all.", min=0)] = 200,
    epsilon: Annotated[str, typer.Option(help="Of the attack: budgets in levels of 255.")] = "1,2,4",
    steps: Annotated[int, typer.Option(help="Of the attack: steps of the gradient.", min=1)] = 10,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples behind the intervals.")] = 1000,
    trust: Trust = None,
    json: Json = False,
) -> None:
    """Does pruning cost robustness? Tickets and dense nets under corruption and attack. Stopped, it goes on."""
    import_trusted(trust or [])
    from clew.reports.robustness_page import PAGE, write_robustness_page
    from clew.tickets.evaluation import Attack, ladder_robustness
    from clew.tickets.evaluation.ladder_robustness import FOLDER

    shown = progress()
    folder = out or ladder / FOLDER
    found = ladder_robustness(
        ladder,
        stores or (),
        methods=[name.strip() for name in method.split(",") if name.strip()],
        levels=numbers(sparsity),
        limit=limit,
        attack=Attack(_budgets(epsilon), steps, attack_limit) if attack else None,
        resamples=resamples,
        out=folder,
        progress=shown,
    )
    page = write_robustness_page(found, folder / PAGE, progress=shown)
    finish({**found, "page": str(page)}, json, *robustness_lines(found), "", f"page: {page}")


def _budgets(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ClewError(f"--epsilon {text}: expected levels of 255, such as 1,2,4.") from None

"""`clew import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clew.cli import training_options as options
from clew.cli.console import Json, finish
from clew.cli.outside import look_here
from clew.datasets.disk import counted

EXAMPLE = "Example: clew import Meso4_DF.h5 --detector meso4 --out meso4-df.safetensors"


def import_weights(
    weights: Annotated[Path, typer.Argument(help="Others' weights: Keras .h5, .safetensors, .pth, .pt or .bin.")],
    detector: options.Detector,
    out: Annotated[Path, typer.Option(help="Ticket to write.")],
    size: options.Size = None,
    classes: Annotated[
        int | None, typer.Option(help="Classes that the weights must have; default: those that they have.", min=1)
    ] = None,
    set_: options.Options = None,
    real: Annotated[
        int, typer.Option(help="Which class is real; for a single logit 0 if it speaks for real, 1 if for fake.", min=0)
    ] = 0,
    json: Json = False,
) -> None:
    """Make a ticket of others' weights: dense, not measured yet. No code in the file is run."""
    from clew.base.options import parse_options
    from clew.tickets.importing import import_weights as read

    look_here(detector, *(set_ or []))
    ticket = read(weights, detector, out, size, classes, parse_options(set_ or []), real)
    header = ticket.header
    tensors = len(ticket.state())
    finish(
        {**header, "ticket": str(out), "tensors": tensors, "bytes": out.stat().st_size},
        json,
        f"{weights}: {header['source']['form']}, {counted(tensors, 'tensor')}, "
        f"{counted(header['source']['parameters'], 'number')}",
        f"  {meaning(header)}",
        f"{out}: {out.stat().st_size / 1024:.1f} KiB, {detector} at {header['detector']['input_size']} px, "
        f"{header['sparsity']['prunable']:,} prunable weights, none pruned; not measured yet",
    )


def meaning(header: dict[str, Any]) -> str:
    """What the outputs of an imported network are taken to say."""
    classes = header["detector"].get("classes", 2)
    turned = header["source"].get("real", 0)
    if classes == 1:
        told = ", turned round," if turned else ""
        return f"1 logit, which{told} speaks for real: its sigmoid is the probability of real, the rest that of fake"
    names = ", ".join(f"{number} {name}" for number, name in enumerate(header["classes"][:4]))
    first = f" (class {turned} of the file first)" if turned else ""
    return f"{classes:,} classes, taken as {names}{', ...' if classes > 4 else ''}{first}"

"""`clew tickets find`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.base.errors import ClewError
from clew.cli import training_options as options
from clew.cli.console import Json, finish, progress
from clew.cli.fakes import fakes_lines, method_names
from clew.cli.outside import look_here
from clew.cli.tables import ladder_lines

EXAMPLE = (
    "Example: clew tickets find people-store --detector cnn5 --size 64 --sparsity 0.2,0.4,0.6,0.8,0.9 --out ladder"
)


def find(
    stores: Annotated[list[Path], typer.Argument(help="Crop stores, made by 'clew data crop'.")],
    detector: options.Detector,
    out: Annotated[Path, typer.Option(help="Ladder to write, or to go on with.")],
    method: Annotated[
        str,
        typer.Option(
            help="With commas: imp, early-bird, one-shot, gradual, snip, grasp, synflow; "
            "the controls random, shuffled, reinit."
        ),
    ] = "imp,one-shot,random",
    scope: Annotated[str, typer.Option(help="global: one threshold; local: one per layer.")] = "global",
    score: Annotated[
        str, typer.Option(help="What weights are ranked by: magnitude, or magnitude-per-mac, for speed.")
    ] = "magnitude",
    rewind: Annotated[str, typer.Option(help="none, init, step:K or lr.")] = "init",
    sparsity: Annotated[
        str, typer.Option(help="Target sparsities, rising.  [default: 0.2,0.4,0.6,0.8]", show_default=False)
    ] = "",
    rounds: Annotated[int | None, typer.Option(help="Instead of --sparsity: so many prunings ...")] = None,
    fraction: Annotated[float, typer.Option(help="... of this share of the remaining weights.")] = 0.2,
    seeds: Annotated[int, typer.Option(help="Trainings of everything, each with its own seed.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="The first of the seeds.", min=0)] = 0,
    margin: Annotated[float, typer.Option(help="AUC that a ticket may lose and still count as not worse.")] = 0.02,
    from_: options.From = None,
    size: options.Size = None,
    set_: options.Options = None,
    classes: options.Classes = "binary",
    fakes: options.Fakes = "",
    epochs: options.Epochs = 20,
    batch_size: options.BatchSize = 32,
    accumulate: options.Accumulate = 1,
    lr: options.Rate = 1e-3,
    weight_decay: options.Decay = 0.0,
    schedule: options.Schedule = "cosine",
    patience: options.Patience = 10,
    augment: options.Augment = "standard",
    balance: options.Balance = "class",
    blend: options.Blend = False,
    fpr: options.FalsePositives = 0.05,
    precision: options.Precision = "auto",
    memory_format: options.Layout = "auto",
    threads: options.Threads = 0,
    device: options.Device = "auto",
    devices: options.Devices = 1,
    compile: options.Compile = "auto",
    tensorboard: options.Board = None,
    workers: Annotated[int, typer.Option(help="Trainings at a time; 0: as many as there are cores for.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Search for tickets: train, prune, rewind, again; then judge every level. Stopped, it goes on where it was."""
    from clew.base.executors import LocalExecutor
    from clew.base.options import parse_options
    from clew.reports.ladder_page import write_page
    from clew.tickets.find import find_tickets
    from clew.tickets.settings import LEVELS, rounds_to_levels
    from clew.training.settings import TrainSettings

    if sparsity and rounds is not None:
        raise ClewError("--sparsity and --rounds exclude each other: give one of them.")
    look_here(detector, *(set_ or []))
    levels = rounds_to_levels(rounds, fraction) if rounds is not None else numbers(sparsity) or LEVELS
    training = TrainSettings(
        epochs, batch_size, lr, weight_decay, schedule, patience, augment, balance, blend=blend, accumulate=accumulate
    )
    shown = progress()
    ladder = find_tickets(
        stores,
        out,
        detector=detector,
        input_size=size,
        options=parse_options(set_ or []),
        classes=classes,
        fakes=method_names(fakes),
        methods=[name.strip() for name in method.split(",")],
        scope=scope,
        score=score,
        rewind=rewind,
        levels=levels,
        seeds=seeds,
        first_seed=seed,
        margin=margin,
        fpr=fpr,
        start=from_,
        training=training,
        precision=precision,
        memory_format=memory_format,
        threads=threads,
        device=device,
        devices=devices,
        compile=compile,
        tensorboard=tensorboard,
        executor=LocalExecutor(workers) if workers else None,
        progress=shown,
    )
    summary = ladder.summary()
    page = write_page(ladder, summary, stores, progress=shown)
    told = {**summary, "fakes": ladder.settings["fakes"], "ladder": str(out), "page": str(page)}
    finish(told, json, *ladder_lines(summary), *fakes_lines(ladder.settings), f"page: {page}")


def numbers(text: str) -> tuple[float, ...]:
    """The numbers in a list with commas; raises ClewError."""
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ClewError(f"--sparsity {text}: expected numbers between 0 and 1, such as 0.2,0.4,0.8.") from None

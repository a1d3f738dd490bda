"""`clew train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli import training_options as options
from clew.cli.console import Json, finish, progress
from clew.cli.fakes import fakes_lines, method_names
from clew.cli.outside import look_here
from clew.cli.tables import class_lines, interval
from clew.datasets.disk import counted

EXAMPLE = "Example: clew train people-store --detector cnn5 --size 64 --out run"


def train(
    stores: Annotated[list[Path], typer.Argument(help="Crop stores, made by 'clew data crop'.")],
    detector: options.Detector,
    out: Annotated[Path, typer.Option(help="Folder to write, or to go on with.")],
    seeds: Annotated[int, typer.Option(help="Trainings, each with its own seed.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="The first of the seeds.", min=0)] = 0,
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
    json: Json = False,
) -> None:
    """Train dense detectors: selected on validation, then measured once on the test part."""
    from clew.base.options import parse_options
    from clew.tickets.find import find_tickets
    from clew.training.settings import TrainSettings

    look_here(detector, *(set_ or []))
    training = TrainSettings(
        epochs, batch_size, lr, weight_decay, schedule, patience, augment, balance, blend=blend, accumulate=accumulate
    )
    ladder = find_tickets(
        stores,
        out,
        detector=detector,
        input_size=size,
        options=parse_options(set_ or []),
        classes=classes,
        fakes=method_names(fakes),
        methods=(),
        seeds=seeds,
        first_seed=seed,
        start=from_,
        fpr=fpr,
        training=training,
        precision=precision,
        memory_format=memory_format,
        threads=threads,
        device=device,
        devices=devices,
        compile=compile,
        tensorboard=tensorboard,
        progress=progress(),
    )
    summary = ladder.summary()
    dense = summary["dense"]
    result = {key: summary[key] for key in ("detector", "dataset", "protocol", "seeds", "clusters", "dense")}
    lines = [f"{name:9} {interval(dense[key])}" for name, key in NAMES.items()]
    about = (
        f"per video (per picture where there is none), {counted(summary['clusters'], 'test cluster')}, intervals 90 %:"
    )
    tickets = ", ".join(str(path) for path in sorted((out / "tickets").glob("dense-s*.safetensors")))
    if "classes" in summary:
        result["classes"] = summary["classes"]
        lines += ["", *class_lines(summary["classes"])]
    finish(
        {**result, "fakes": ladder.settings["fakes"], "run": str(out)},
        json,
        f"{detector} on {summary['dataset']['name']}, {about}",
        *lines,
        *fakes_lines(ladder.settings),
        f"weights: {tickets}",
    )


NAMES = {"AUC": "auc", "accuracy": "accuracy", "EER": "eer", "AP": "ap"}

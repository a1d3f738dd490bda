"""The options that say how a network is trained, for every command that trains."""

from __future__ import annotations

from typing import Annotated

import typer

Detector = Annotated[str, typer.Option(help="Network: meso4, cnn5, or package.module:factory.")]
Size = Annotated[int | None, typer.Option("--size", help="Input size in pixels; default: the network's own.")]
Epochs = Annotated[int, typer.Option(help="Most epochs of each training.")]
BatchSize = Annotated[int, typer.Option(help="Crops per step.")]
Rate = Annotated[float, typer.Option("--lr", help="Highest learning rate of Adam.")]
Decay = Annotated[float, typer.Option(help="Weight decay.")]
Schedule = Annotated[str, typer.Option(help="cosine or constant.")]
Patience = Annotated[int, typer.Option(help="Epochs without a better validation AUC before a training stops.")]
Augment = Annotated[str, typer.Option(help="standard (flips, JPEG, blur, noise) or none.")]
Precision = Annotated[str, typer.Option(help="fp32, bf16, or auto: measured once, then kept.")]
Layout = Annotated[str, typer.Option(help="contiguous, channels-last, or auto: measured once, then kept.")]
Threads = Annotated[int, typer.Option(help="Threads of each training.")]

"""The options that say how a network is trained, for every command that trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Detector = Annotated[
    str,
    typer.Option(help="Network: meso4, cnn5, resnet18, xception, mi_net, ..., timm:NAME, or package.module:factory."),
]
Options = Annotated[
    list[str] | None,
    typer.Option("--set", help="An option of the network, KEY=VALUE, such as backbone=cnn5 for mi_net; repeatable."),
]
Classes = Annotated[str, typer.Option(help="binary, or method: tell real and each manipulation method apart.")]
Fakes = Annotated[
    str, typer.Option(help="Only these manipulation methods, with commas: Deepfakes,Face2Face; the reals stay.")
]
From = Annotated[Path | None, typer.Option("--from", help="Start from (and rewind to) these weights.")]
Size = Annotated[int | None, typer.Option("--size", help="Input size in pixels; default: the network's own.")]
Epochs = Annotated[int, typer.Option(help="Most epochs of each training.")]
BatchSize = Annotated[int, typer.Option(help="Crops per step.")]
Decay = Annotated[float, typer.Option(help="Weight decay.")]
Schedule = Annotated[str, typer.Option(help="cosine, linear, step or constant.")]
Patience = Annotated[int, typer.Option(help="Epochs without a better validation AUC before a training stops.")]
Augment = Annotated[
    str,
    typer.Option(
        help="standard (flips, JPEG, blur, noise), none, or a list of NAME[:PROBABILITY] such as "
        "flip,jpeg:0.2,recompress:0.2,cutout:0.3; an unknown name lists the known ones."
    ),
]
Balance = Annotated[
    str,
    typer.Option(help="class, source (store), method or video: what batches show equally often; or none."),
]
Blend = Annotated[
    bool, typer.Option("--blend", help="Train on reals alone, with self-blended fakes made of them as it goes.")
]
Accumulate = Annotated[int, typer.Option(help="Batches whose gradients make one step.")]
Rate = Annotated[float, typer.Option("--lr", help="Highest learning rate of Adam.")]
FalsePositives = Annotated[
    float, typer.Option("--fpr", help="False positive rate, on validation, of the operating point kept in each ticket.")
]
Device = Annotated[str, typer.Option(help="cpu, cuda, or auto: a GPU where there is one.")]
Devices = Annotated[int, typer.Option(help="Processes (or GPUs) that train one network together (DDP).", min=1)]
Compile = Annotated[str, typer.Option(help="on, off, or auto: on a GPU, where it gains.")]
Board = Annotated[Path | None, typer.Option("--tensorboard", help="Folder for TensorBoard's files.")]
Precision = Annotated[str, typer.Option(help="fp32, bf16, or auto: measured once, then kept.")]
Layout = Annotated[str, typer.Option(help="contiguous, channels-last, or auto: measured once, then kept.")]
Threads = Annotated[
    int, typer.Option(help="Threads of each training; 0: one, or all cores for a single training.", min=0)
]

"""`clew data synth`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.console import Json, finish, progress

EXAMPLE = "Example: clew data synth videos --layout faceforensics --videos 40 --seed 1"


def synth(
    out: Annotated[Path, typer.Argument(help="Folder to write the dataset to.")],
    layout: Annotated[
        str,
        typer.Option(
            help="faceforensics, celeb-df, dfdc, dfdc-preview, deepfakebench, openforensics, openforensics-crops "
            "or folder (of pictures; of videos with --videos)."
        ),
    ],
    videos: Annotated[
        int | None, typer.Option(help="Originals; every one is forged as its layout has it. Default: 40.")
    ] = None,
    people: Annotated[
        int | None, typer.Option(help="For sets of pictures: identities, each in one split only. Default: 240.")
    ] = None,
    per_person: Annotated[
        int | None, typer.Option(help="For sets of pictures: of each person, half real, half forged. Default: 8.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Height in pixels. Default: 256 for face crops, 240 for frames.")
    ] = None,
    compression: Annotated[
        str | None, typer.Option(help="Of videos: raw, c23 or c40; several for faceforensics. Default: c23.")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="For deepfakebench: pictures kept of each video. Default: 8.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Other seeds draw other people.")] = 0,
    json: Json = False,
) -> None:
    """Draw people and forge them: embedded data, in the layout of a public set, whose forged regions are known."""
    from clew.datasets.synth.choose import write_set

    summary = write_set(
        out,
        layout,
        videos=videos,
        people=people,
        per_person=per_person,
        size=size,
        compression=compression,
        frames=frames,
        seed=seed,
        progress=progress(),
    )
    text = ", ".join(f"{key} {value}" for key, value in summary.items() if not isinstance(value, dict | list))
    finish(summary, json, f"{out}: {text}", f"next: clew data crop {out} --layout {layout} --out STORE")

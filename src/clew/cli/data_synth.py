"""`clew data synth`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.console import Json, finish, progress

EXAMPLE = "Example: clew data synth people --layout openforensics-crops --people 240 --seed 1"


def synth(
    out: Annotated[Path, typer.Argument(help="Folder to write the dataset to.")],
    layout: Annotated[str, typer.Option(help="openforensics-crops or folder.")],
    people: Annotated[int, typer.Option(help="Identities; each stands in one split only.")] = 240,
    per_person: Annotated[int, typer.Option(help="Pictures of each: half real, half forged.")] = 8,
    size: Annotated[int, typer.Option(help="Height and width in pixels.")] = 256,
    seed: Annotated[int, typer.Option(help="Other seeds draw other people.")] = 0,
    json: Json = False,
) -> None:
    """Draw people and forge half of their pictures: embedded data whose forged regions are known."""
    from clew.datasets.synth.pictures import write_pictures

    summary = write_pictures(
        out, layout, people=people, per_person=per_person, size=size, seed=seed, progress=progress()
    )
    text = ", ".join(f"{key} {value}" for key, value in summary.items() if not isinstance(value, dict))
    finish(summary, json, f"{out}: {text}", f"next: clew data crop {out} --layout {layout} --out STORE")

"""`clew data crop`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.console import Json, finish, progress

EXAMPLE = "Example: clew data crop people --layout openforensics-crops --out people-store"


def crop(
    root: Annotated[Path, typer.Argument(help="Root folder of the dataset.")],
    layout: Annotated[str, typer.Option(help="How the dataset is laid out: openforensics-crops or folder.")],
    out: Annotated[Path, typer.Option(help="Crop store to write.")],
    faces: Annotated[str, typer.Option(help="Face detector; none takes the pictures as they are given.")] = "none",
    size: Annotated[int | None, typer.Option(help="Height and width of the crops; default: as the pictures.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many of each split and class.", min=1)] = None,
    json: Json = False,
) -> None:
    """Read a dataset into a crop store. Unreadable files are reported, never silently skipped."""
    from clew.base.errors import unknown_name
    from clew.datasets.cropping import crop_dataset, dropped

    if faces != "none":
        raise unknown_name("face detector", faces, ["none"])
    store = crop_dataset(root, layout, out, size=size, limit=limit, progress=progress())
    lost = dropped(store)
    result = {
        "store": str(out),
        "hash": store.hash,
        "protocol": store.protocol,
        "counts": store.facts["counts"],
        "dropped": lost,
    }
    lines = [f"{out}: {store.protocol}, hash {store.hash[:12]}"]
    lines += [f"  {key:32} {count:7d}" for key, count in store.facts["counts"].items()]
    lines += [f"{len(lost)} files were dropped, each with a row of its own in index.parquet:"] if lost else []
    lines += [f"  {row['detail']}" for row in lost[:10]]
    finish(result, json, *lines, f"next: clew tickets find {out} --detector cnn5 --out LADDER")

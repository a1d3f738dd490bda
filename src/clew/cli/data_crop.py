"""`clew data crop`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clew.cli.console import Json, finish, progress
from clew.datasets.disk import counted

EXAMPLE = "Example: clew data crop FaceForensics --layout faceforensics --compression c23 --out store"


def crop(
    root: Annotated[Path, typer.Argument(help="Root folder of the dataset.")],
    layout: Annotated[
        str,
        typer.Option(
            help="faceforensics, openforensics, openforensics-crops, celeb-df, dfdc, dfdc-preview, deepfakebench, "
            "or folder: {train,val,test}/{real,fake}/ or {real,fake}/."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the crop store to write, or to go on with.")],
    faces: Annotated[
        str,
        typer.Option(
            help="Face detector: dlib, opencv, yunet; none: pictures and frames as they are; auto: dlib for videos."
        ),
    ] = "auto",
    model: Annotated[Path | None, typer.Option(help="The detector's model file (yunet).")] = None,
    size: Annotated[
        int | None, typer.Option(help="Pixels of a crop; default: 256, for ready crops their usual size.")
    ] = None,
    frames: Annotated[int, typer.Option(help="At most so many frames of a video, evenly spaced.")] = 32,
    scale: Annotated[float | None, typer.Option(help="Side of a crop in face boxes; default: 1.3.")] = None,
    people: Annotated[str, typer.Option(help="all: every face, as tracks; largest: one face of each frame.")] = "all",
    splits: Annotated[
        str, typer.Option(help="official: as the layout says; drawn: made here by identity, whatever it says.")
    ] = "official",
    compression: Annotated[str, typer.Option(help="Only these, with commas: c23,c40.")] = "",
    methods: Annotated[str, typer.Option(help="Only the fakes of these, with commas: Deepfakes,FaceSwap.")] = "",
    limit: Annotated[
        int | None, typer.Option(help="At most so many files of each split and class, spread over all.", min=1)
    ] = None,
    engine: Annotated[str, typer.Option(help="local: this machine's cores; ray: a Ray cluster.")] = "local",
    workers: Annotated[int, typer.Option(help="Processes; 0: one per core.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Crop the faces of a dataset into a store. Stopped or killed, the same command goes on.

    Whatever gives no crop (no face, unreadable, left out) has its row and its reason in the store's index.
    """
    from clew.base.engines import engine as executor
    from clew.datasets.cropping import crop_dataset
    from clew.datasets.drops import damaged_videos, drop_report, dropped, worst_videos

    store = crop_dataset(
        root,
        layout,
        out,
        faces=faces,
        model=model,
        size=size,
        frames=frames,
        scale=scale,
        people=people,
        splits=splits,
        compression=_names(compression),
        methods=_names(methods),
        limit=limit,
        executor=executor(engine, workers),
        progress=progress(),
    )
    report = drop_report(store)
    result = {
        "store": str(out),
        "hash": store.hash,
        "protocol": store.protocol,
        "counts": store.facts["counts"],
        "report": report,
        "dropped": dropped(store, 10_000),
    }
    lines = [f"{out}: {store.protocol}, hash {store.hash[:12]}", *_table(report)]
    lost = sum(sum(row["lost"].values()) for row in report)
    if lost:
        lines += [f"{counted(lost, 'crop')} dropped, each with its reason in {out}/index.parquet; for example:"]
        lines += [f"  {row['detail']}" for row in dropped(store, 5)]
        lines += [f"  {v['video']}: {v['lost']} of {v['asked']} lost" for v in worst_videos(store, 3)]
    damaged = damaged_videos(store)
    result["damaged"] = damaged
    if damaged:
        lines += [
            f"{counted(len(damaged), 'damaged video')} gave crops all the same:",
            *(f"  {why}" for why in damaged[:5]),
        ]
    finish(result, json, *lines, f"next: clew data check {out}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _table(report: list[dict[str, Any]]) -> list[str]:
    lines = [f"  {'class':6} {'method':22} {'asked':>9} {'kept':>9}  lost"]
    for row in report:
        why = ", ".join(f"{status} {count:,}" for status, count in row["lost"].items())
        share = f" ({100 * (1 - row['kept'] / row['asked']):.1f} %)" if row["lost"] else ""
        name = "fake" if row["label"] else "real"
        lines.append(f"  {name:6} {row['method'][:22]:22} {row['asked']:9,} {row['kept']:9,}  {why or '-'}{share}")
    return lines

"""`clew data blend`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.console import Json, finish, progress
from clew.datasets.disk import counted

EXAMPLE = "Example: clew data blend lfw --centre 0.52 --per-face 2 --out blended"


def blend(
    faces: Annotated[Path, typer.Argument(help="Crop store (its reals are taken), or folder of pictures of faces.")],
    out: Annotated[Path, typer.Option(help="Folder of the crop store to write, or to go on with.")],
    per_face: Annotated[int, typer.Option(help="Fakes made of each face.")] = 1,
    seed: Annotated[int, typer.Option(help="Everything that is drawn follows from it.", min=0)] = 0,
    size: Annotated[int | None, typer.Option(help="Pixels of a crop; default: as the faces have.")] = None,
    detector: Annotated[
        str, typer.Option("--faces", help="Face detector for a folder: dlib, opencv, yunet; none: the middle.")
    ] = "none",
    model: Annotated[Path | None, typer.Option(help="The detector's model file (yunet).")] = None,
    scale: Annotated[float, typer.Option(help="With a detector: side of a crop in face boxes.")] = 1.3,
    centre: Annotated[float, typer.Option(help="Without one: the share of a picture's side around its middle.")] = 1.0,
    face_width: Annotated[float, typer.Option(help="Width of the faces, as a share of a crop's side.")] = 0.64,
    engine: Annotated[str, typer.Option(help="local: this machine's cores; ray: a Ray cluster.")] = "local",
    workers: Annotated[int, typer.Option(help="Processes; 0: one per core.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Make self-blended fakes of real faces: training data without a single forged picture.

    Each fake is a face blended with a changed copy of itself (Shiohara and Yamasaki, CVPR 2022); its region is
    known to the pixel. Stopped or killed, the same command goes on.
    """
    from clew.base.engines import engine as executor
    from clew.datasets.blending import BlendSettings
    from clew.datasets.blending.writing import blend_faces
    from clew.datasets.drops import dropped

    store = blend_faces(
        faces,
        out,
        per_face=per_face,
        size=size,
        seed=seed,
        faces_detector=detector,
        model=model,
        scale=scale,
        centre=centre,
        settings=BlendSettings(face=face_width),
        executor=executor(engine, workers) if engine != "local" or workers else None,
        progress=progress(),
    )
    lost = dropped(store, 10_000)
    counts = store.facts["counts"]
    result = {"store": str(out), "hash": store.hash, "protocol": store.protocol, "counts": counts, "dropped": lost}
    lines = [f"{out}: {store.protocol}, hash {store.hash[:12]}"]
    lines += [f"  {key:32} {count:9,}" for key, count in counts.items()]
    lines += (
        [f"{counted(len(lost), 'picture')} gave no face, each with its reason in {out}/index.parquet; for example:"]
        if lost
        else []
    )
    lines += [f"  {row['detail']}" for row in lost[:5]]
    finish(result, json, *lines, f"next: clew train {out} --detector cnn5 --size 64 --out RUN")

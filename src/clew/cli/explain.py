"""`clew explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clew.base.errors import ClewError
from clew.cli.console import Json, finish, progress
from clew.cli.explain_lines import ladder_lines, picture_lines, video_lines
from clew.cli.outside import Trust
from clew.cli.outside import trust as import_trusted
from clew.cli.tickets_find import numbers

EXAMPLE = (
    "Example: clew explain ladder people-store --sparsity 0.5,0.8 --out explained; "
    "clew explain ladder/tickets/imp-s0-80.safetensors photo.jpg --out explained-photo; "
    "clew explain ladder/tickets/imp-s0-80.safetensors clip.mp4 --faces dlib --out explained-clip"
)


def explain(
    source: Annotated[Path, typer.Argument(help="A ladder or a run of 'clew train'; or a ticket file.")],
    subject: Annotated[Path, typer.Argument(help="Of a ladder a crop store; of a ticket a picture or a video.")],
    out: Annotated[
        Path, typer.Option(help="Folder for heatmaps (kept, never made twice), the page and explanation.json.")
    ],
    method: Annotated[
        str, typer.Option(help="Of a ladder: imp, one-shot, random-of-imp, ...; default: imp, where it has it.")
    ] = "",
    sparsity: Annotated[str, typer.Option(help="Of a ladder: the levels, such as 0.5,0.8; default: all.")] = "",
    limit: Annotated[int, typer.Option(help="About so many test pictures, by whole videos; 0: all.", min=0)] = 200,
    slow: Annotated[
        bool, typer.Option("--slow/--no-slow", help="Also faithfulness, the sanity check and bands of frequency.")
    ] = True,
    slow_limit: Annotated[int, typer.Option(help="Of these: about so many pictures; 0: all.", min=0)] = 100,
    seeds: Annotated[int | None, typer.Option(help="Of a ladder: so many seeds; default: all.", min=1)] = None,
    cam: Annotated[str, typer.Option(help="How heatmaps are made: grad-cam or input-gradient.")] = "grad-cam",
    layer: Annotated[str, typer.Option(help="The layer that Grad-CAM weighs; default: the network's own.")] = "",
    target: Annotated[str, typer.Option(help="The class they speak for: fake, predicted, or a class's name.")] = "fake",
    faces: Annotated[
        str,
        typer.Option(
            help="Of a picture or video: dlib, opencv, yunet; none: it is a face crop; auto: as the ticket's crops."
        ),
    ] = "auto",
    model: Annotated[Path | None, typer.Option(help="The face detector's model file (yunet).")] = None,
    frames: Annotated[int, typer.Option(help="Of a video: so many frames, evenly spaced.")] = 16,
    landmarks: Annotated[
        Path | None, typer.Option(help="Of a ladder: the file of dlib's 68-point predictor, for the facial parts.")
    ] = None,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples behind the intervals.")] = 1000,
    trust: Trust = None,
    json: Json = False,
) -> None:
    """What networks look at, dense and pruned: heatmaps, and whether to believe them. Stopped, it goes on."""
    import_trusted(trust or [])
    if source.is_file() or source.suffix == ".safetensors":
        _media(source, subject, out, faces, model, frames, cam, layer, target, json)
        return
    if subject.is_file():
        raise ClewError(f"{subject} is a file: of a ladder name a crop store; of one of its tickets a picture.")
    from clew.explain.ladder import explain_ladder
    from clew.reports.explain_page import write_explain_page

    shown = progress()
    found = explain_ladder(
        source,
        subject,
        out,
        method=method,
        levels=numbers(sparsity),
        limit=limit,
        slow_limit=slow_limit if slow else None,
        seeds=seeds,
        cam=cam,
        layer=layer,
        target=target,
        landmarks=landmarks,
        resamples=resamples,
        progress=shown,
    )
    page = write_explain_page(found, out, progress=shown)
    finish({**found, "page": str(page)}, json, *ladder_lines(found), "", f"page: {page}")


def _media(
    ticket: Path,
    subject: Path,
    out: Path,
    faces: str,
    model: Path | None,
    frames: int,
    cam: str,
    layer: str,
    target: str,
    json: bool,
) -> None:
    from clew.explain.picture import explain_picture
    from clew.explain.video import explain_video
    from clew.media.videos import is_video

    if subject.is_dir():
        raise ClewError(
            f"{subject} is a folder: of a ticket name a picture or a video; of a crop store its whole ladder."
        )
    lens: dict[str, Any] = {"cam": cam, "layer": layer, "target": target, "progress": progress()}
    if is_video(subject):
        found = explain_video(ticket, subject, out, faces=faces, model=model, frames=frames, **lens)
        finish(found, json, *video_lines(found, out))
        return
    found = explain_picture(ticket, subject, out, faces=faces, model=model, **lens)
    finish(found, json, *picture_lines(found, out))

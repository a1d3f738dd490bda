"""What one ticket looks at in one picture: its faces, their probabilities, heatmaps and overlays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clew.base.files import write_bytes, write_json
from clew.base.progress import SILENT, Progress
from clew.explain.faces import AUTO, NONE, Crop, Cutting, crops_of, cutting_for
from clew.explain.observer import (
    EXPLANATION,
    FORMAT,
    Maps,
    folder_for,
    keep_raw,
    observer_of,
    part_shares,
    parts_said,
    parts_told,
    png_bytes,
    verdict_facts,
)
from clew.explain.targets import FAKE
from clew.media.overlay import overlaid
from clew.media.pictures import read_picture

SIDE = 384


def explain_picture(
    ticket: Path | str,
    image: Path | str,
    out: Path | str,
    *,
    faces: str = AUTO,
    model: Path | str | None = None,
    cam: str = "grad-cam",
    layer: str = "",
    target: str = FAKE,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Explains a picture's faces by a ticket: probability, raw heatmap and overlay of each, written below `out`.

    `faces`: dlib, opencv, yunet (`model` its file), none (the picture is a crop already), or auto: as the ticket's own
    crops were made. `target`: fake, predicted, or a class by its name. All overlays of the picture have one scale.
    Raises ClewError for a picture that cannot be read or has no face.

    {"format", "headline", "picture", "ticket": {file, detector, method, level, seed, sparsity, protocol}, "heatmaps":
    {method, layer, target, side, colours, scale}, "cropping": {faces, scale, reason}, "faces": [{box (x, y, width,
    height in pixels, or null), probability, fake, empty, peak (highest raw value), parts: {part: share} or null, crop,
    heatmap, overlay (files)}]}, which stands in `explanation.json` too.
    """
    folder, path = folder_for(out), Path(image)
    observer = observer_of(Path(ticket), cam, layer, target)
    picture, cutting = read_picture(path), cutting_for(observer.ticket, faces)
    with progress.task("explaining", 2) as task:
        crops = crops_of(picture, str(path), observer.size, cutting, None if model is None else Path(model))
        task.advance(1, "faces")
        prob, maps = observer.see(np.stack([one.crop for one in crops]))
        task.advance(1, "heatmaps")
    scale = float(maps.max(initial=0.0))
    found = [
        _kept(folder, f"{path.stem}-{at + 1}", crop, float(prob[at]), maps[at], scale, cutting)
        for at, crop in enumerate(crops)
    ]
    result = {
        "format": FORMAT,
        "headline": _headline(path, found, cutting.finder),
        "picture": str(path),
        "ticket": observer.facts(),
        "heatmaps": observer.heat_facts(maps, scale),
        "cropping": {"faces": cutting.finder, "scale": cutting.scale, "reason": cutting.reason},
        "faces": found,
    }
    write_json(folder / EXPLANATION, result)
    return result


def _kept(
    folder: Path, name: str, crop: Crop, prob: float, heat: Maps, scale: float, cutting: Cutting
) -> dict[str, Any]:
    """Writes what belongs to a face, and tells it."""
    files = {"crop": f"{name}-crop.png", "heatmap": f"{name}-heatmap.npy", "overlay": f"{name}-overlay.png"}
    write_bytes(folder / files["crop"], png_bytes(crop.crop))
    write_bytes(folder / files["overlay"], png_bytes(overlaid(crop.crop, heat, scale, side=SIDE)))
    keep_raw(folder / files["heatmap"], heat)
    parts = parts_told(part_shares(heat[None], crop.crop.shape[0], cutting)[0])
    return {**verdict_facts(crop.box, prob, heat), "parts": parts, **files}


def _headline(path: Path, faces: list[dict[str, Any]], finder: str) -> str:
    what = (
        "the picture, taken as a face crop,"
        if finder == NONE
        else "its face"
        if len(faces) == 1
        else "its largest face"
    )
    first = faces[0]
    told = f"{path.name}: {what} has a probability of fake of {first['probability']:.2f}"
    if first["parts"] is None:
        return f"{told}; the heatmap is empty: nothing in it speaks for the class."
    return f"{told}; {parts_said(first['parts'])}."

"""What one ticket looks at in one picture: its faces, their probabilities, heatmaps and overlays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.files import atomic_path, write_bytes, write_json
from clew.base.progress import SILENT, Progress
from clew.explain.faces import AUTO, NONE, Crop, crops_of, cutting_for
from clew.explain.facial_parts import PARTS, canonical_parts, part_energy
from clew.explain.heatmaps import upsampled
from clew.explain.overlay import COLOUR_NAME, overlaid
from clew.explain.streaming import Lens, lens_for
from clew.explain.targets import FAKE, target_of
from clew.media.pictures import Picture, read_picture
from clew.tickets.evaluation.models import Member, classes_of, member_of
from clew.tickets.ticket import Ticket
from clew.training.score import fake_probability

EXPLANATION = "explanation.json"
FORMAT, SIDE, THRESHOLD = 1, 384, 0.5


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
    folder, path = Path(out), Path(image)
    if folder.exists() and not folder.is_dir():
        raise ClewError(f"{folder} is a file, not a folder: choose another --out.")
    member = member_of(Path(ticket))
    opened = member.ticket()
    lens = lens_for(member, cam, layer, target_of(target, classes_of(member.header)))
    picture, cutting = read_picture(path), cutting_for(opened, faces)
    with progress.task("explaining", 2) as task:
        crops = crops_of(picture, str(path), opened.config.input_size, cutting, None if model is None else Path(model))
        task.advance(1, "faces")
        prob, maps = _seen(opened, member, lens, crops)
        task.advance(1, "heatmaps")
    scale = float(maps.max(initial=0.0))
    found = [
        _kept(folder, f"{path.stem}-{at + 1}", crop, float(prob[at]), maps[at], scale, cutting.scale)
        for at, crop in enumerate(crops)
    ]
    heat = {"method": cam, "layer": lens.layer, "target": _told(lens), "side": list(maps.shape[1:])}
    result = {
        "format": FORMAT,
        "headline": _headline(path, found, cutting.finder),
        "picture": str(path),
        "ticket": _ticket_facts(member, opened),
        "heatmaps": {**heat, "colours": COLOUR_NAME, "scale": scale},
        "cropping": {"faces": cutting.finder, "scale": cutting.scale, "reason": cutting.reason},
        "faces": found,
    }
    write_json(folder / EXPLANATION, result)
    return result


def _seen(
    ticket: Ticket, member: Member, lens: Lens, crops: list[Crop]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Fake probability (F,) and raw heatmap (F, h, w) of each face."""
    pictures = np.stack([one.crop for one in crops])
    logits = ticket.logits(pictures)
    device = member.choices.device
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(255).to(device)
    targets = torch.from_numpy(lens.target.numbers(logits)).to(device)
    maps = lens(lens.net(member), images, targets).cpu().numpy().astype(np.float32)
    if not np.isfinite(maps).all():
        raise ClewError(f"{member.path} gives heatmaps that are NaN or infinite: it cannot be explained.")
    return fake_probability(logits), maps


def _kept(
    folder: Path, name: str, crop: Crop, prob: float, heat: NDArray[np.float32], scale: float, framing: float
) -> dict[str, Any]:
    """Writes what belongs to a face, and tells it."""
    files = {"crop": f"{name}-crop.png", "heatmap": f"{name}-heatmap.npy", "overlay": f"{name}-overlay.png"}
    write_bytes(folder / files["crop"], _png(crop.crop))
    write_bytes(folder / files["overlay"], _png(overlaid(crop.crop, heat, scale, side=SIDE)))
    with atomic_path(folder / files["heatmap"]) as temporary, temporary.open("wb") as handle:
        np.save(handle, heat, allow_pickle=False)
    box = crop.box
    return {
        "box": None if box is None else [box.x, box.y, box.width, box.height],
        "probability": prob,
        "fake": prob >= THRESHOLD,
        "empty": not bool((heat > 0).any()),
        "peak": float(heat.max()),
        "parts": _parts(heat, crop.crop.shape[0], framing),
        **files,
    }


def _parts(heat: NDArray[np.float32], size: int, framing: float) -> dict[str, float] | None:
    """The share of the heat in each part of an upright face; None without heat."""
    large = upsampled(torch.from_numpy(heat)[None], size).numpy()
    shares = part_energy(large, canonical_parts(size, framing))[0]
    return dict(zip(PARTS, shares.tolist(), strict=True)) if np.isfinite(shares).all() else None


def _png(picture: Picture) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise ClewError(f"a picture of shape {picture.shape} cannot be written as PNG.")
    return data.tobytes()


def _told(lens: Lens) -> str:
    return "the predicted class" if lens.target.number is None else lens.target.text


def _ticket_facts(member: Member, ticket: Ticket) -> dict[str, Any]:
    search = member.header["search"] if isinstance(member.header["search"], dict) else {}
    return {
        "file": str(member.path),
        "detector": ticket.config.name,
        "method": str(search.get("method", "")),
        "level": float(search.get("level") or 0.0),
        "seed": member.seed,
        "sparsity": ticket.sparsity,
        "protocol": str(member.header["protocol"]),
    }


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
    parts = first["parts"]
    if parts is None:
        return f"{told}; the heatmap is empty: nothing in it speaks for the class."
    best = sorted(parts, key=lambda name: -parts[name])[:2]
    where = " and ".join(f"{name} ({100 * parts[name]:.0f} %)" for name in best)
    return f"{told}; most of the heat lies on {where}."

"""What one ticket looks at in one video: each face through time, its probabilities, heatmaps and an overview."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.files import write_bytes, write_json
from clew.base.progress import SILENT, Progress
from clew.datasets.disk import counted
from clew.explain.faces import AUTO, NONE, Cutting, cutting_for
from clew.explain.footage import Footage, Shot, footage_of
from clew.explain.observer import (
    EXPLANATION,
    FORMAT,
    THRESHOLD,
    Maps,
    Observer,
    folder_for,
    keep_raw,
    observer_of,
    part_shares,
    parts_said,
    parts_told,
    png_bytes,
    verdict_facts,
)
from clew.explain.sheet import Cell, clock, sheet
from clew.explain.targets import FAKE

BATCH = 32
HEATMAPS, SHEET = "heatmaps.npy", "sheet.png"


def explain_video(
    ticket: Path | str,
    video: Path | str,
    out: Path | str,
    *,
    faces: str = AUTO,
    model: Path | str | None = None,
    frames: int = 16,
    cam: str = "grad-cam",
    layer: str = "",
    target: str = FAKE,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Explains a video's faces by a ticket: each is followed through `frames` evenly spaced frames (1 to 128).

    Below `out` are written each track's raw heatmaps and an overview of its frames; all have one scale. `faces`: dlib,
    opencv, yunet (`model` its file), none (each frame is a crop already: one track), or auto: as the ticket's own crops
    were made. `target`: fake, predicted (of each frame), or a class by its name. Memory does not grow with the video's
    length. Raises ClewError for a video that cannot be read or has no face in any of the frames.

    {"format", "headline", "video", "footage": {frames, duration_s, fps, width, height, damage, sampled: [frame],
    without_face: [frame], unreadable: [{frame, reason}], left_out (faces beyond 16 of a frame)}, "ticket", "heatmaps",
    "cropping" (as of a picture), "tracks": [{track (from 1, in the order of appearance), frames: [{frame (from 0),
    time_s, detected (false: its place follows from the frames around), box, probability, fake, empty, peak}],
    probability (the mean of its frames' probabilities), fake, most_suspicious, least_suspicious ({frame, time_s,
    probability}), parts: {part: mean share} or null, with_heat (the frames with heat, which that mean is of), heatmaps,
    sheet (files)}]}, which stands in `explanation.json` too.
    """
    folder, path = folder_for(out), Path(video)
    observer = observer_of(Path(ticket), cam, layer, target)
    cutting = cutting_for(observer.ticket, faces, "each frame")
    footage = footage_of(path, observer.size, frames, cutting, None if model is None else Path(model), progress)
    prob, maps = _seen(observer, footage.shots, progress)
    scale = float(maps.max(initial=0.0))
    tracks = []
    for number, places in footage.tracks().items():
        shots = [footage.shots[place] for place in places]
        track = _track(shots, prob[places], maps[places], cutting)
        title = f"{'Whole frames' if cutting.finder == NONE else f'Face {number}'}: {_mean_said(track)}"
        files = _kept(folder, f"{path.stem}-{number}", title, shots, track, maps[places], scale)
        tracks.append({"track": number, **track, **files})
    result = {
        "format": FORMAT,
        "headline": f"{path.name}: {_headline(tracks, cutting.finder)}",
        "video": str(path),
        "footage": _footage_facts(footage),
        "ticket": observer.facts(),
        "heatmaps": observer.heat_facts(maps, scale),
        "cropping": {"faces": cutting.finder, "scale": cutting.scale, "reason": cutting.reason},
        "tracks": tracks,
    }
    _sweep(folder, path.stem, tracks)
    write_json(folder / EXPLANATION, result)
    return result


def _seen(observer: Observer, shots: Sequence[Shot], progress: Progress) -> tuple[NDArray[np.float64], Maps]:
    """Fake probability (N,) and raw heatmap (N, h, w) of each shot, batch after batch."""
    parts = []
    with progress.task("heatmaps", len(shots)) as task:
        for start in range(0, len(shots), BATCH):
            batch = shots[start : start + BATCH]
            parts.append(observer.see(np.stack([shot.crop.crop for shot in batch])))
            task.advance(len(batch))
    return np.concatenate([prob for prob, _ in parts]), np.concatenate([maps for _, maps in parts])


def _track(shots: Sequence[Shot], prob: NDArray[np.float64], maps: Maps, cutting: Cutting) -> dict[str, Any]:
    """What is told of one track of N shots: fake probability (N,), heatmaps (N, h, w)."""
    frames = [
        {
            "frame": shot.frame,
            "time_s": shot.time_s,
            "detected": shot.detected,
            **verdict_facts(shot.crop.box, float(one), heat),
        }
        for shot, one, heat in zip(shots, prob, maps, strict=True)
    ]
    shares = part_shares(maps, shots[0].crop.crop.shape[0], cutting)
    heated = np.isfinite(shares).all(axis=1)
    mean = float(prob.mean())
    return {
        "frames": frames,
        "probability": mean,
        "fake": mean >= THRESHOLD,
        "most_suspicious": _moment(frames[int(prob.argmax())]),
        "least_suspicious": _moment(frames[int(prob.argmin())]),
        "parts": parts_told(shares[heated].mean(axis=0)) if heated.any() else None,
        "with_heat": int(heated.sum()),
    }


def _moment(frame: Mapping[str, Any]) -> dict[str, Any]:
    return {key: frame[key] for key in ("frame", "time_s", "probability")}


def _kept(
    folder: Path, name: str, title: str, shots: Sequence[Shot], track: Mapping[str, Any], maps: Maps, scale: float
) -> dict[str, str]:
    """Writes what belongs to a track, and tells its files."""
    files = {"heatmaps": f"{name}-{HEATMAPS}", "sheet": f"{name}-{SHEET}"}
    cells = [
        Cell(shot.crop.crop, heat, frame["probability"], shot.time_s, shot.detected)
        for shot, heat, frame in zip(shots, maps, track["frames"], strict=True)
    ]
    keep_raw(folder / files["heatmaps"], maps)
    write_bytes(folder / files["sheet"], png_bytes(sheet(title, cells, scale)))
    return files


def _sweep(folder: Path, stem: str, tracks: Sequence[Mapping[str, Any]]) -> None:
    """Removes what an earlier explanation of the same video left: it may have had more tracks."""
    used = {track[kind] for track in tracks for kind in ("heatmaps", "sheet")}
    own = re.compile(rf"{re.escape(stem)}-\d+-({re.escape(HEATMAPS)}|{re.escape(SHEET)})")
    for path in folder.iterdir():
        if own.fullmatch(path.name) and path.name not in used:
            path.unlink()


def _footage_facts(footage: Footage) -> dict[str, Any]:
    facts = footage.facts
    return {
        "frames": facts.frames,
        "duration_s": facts.duration_s,
        "fps": facts.fps,
        "width": facts.width,
        "height": facts.height,
        "damage": facts.damage,
        "sampled": footage.sampled,
        "without_face": footage.without_face,
        "unreadable": footage.unreadable,
        "left_out": footage.left_out,
    }


def _headline(tracks: Sequence[Mapping[str, Any]], finder: str) -> str:
    """In words, of the track that is seen in most frames."""
    main = max(tracks, key=lambda track: (len(track["frames"]), -track["track"]))
    if finder == NONE:
        told = f"its frames, taken as face crops, have a {_mean_said(main)}"
    elif len(tracks) == 1:
        told = f"its face has a {_mean_said(main)}"
    else:
        fakes = sum(track["fake"] for track in tracks)
        told = (
            f"{len(tracks)} faces, {fakes or 'none'} of them with a mean probability of fake of 0.5 or more; "
            f"face {main['track']}, seen in most frames, has {_number_said(main)}"
        )
    if len(main["frames"]) > 1:
        low, high = main["least_suspicious"], main["most_suspicious"]
        told += (
            f", from {low['probability']:.2f} (at {clock(low['time_s'])}) "
            f"to {high['probability']:.2f} (at {clock(high['time_s'])})"
        )
    if main["parts"] is None:
        return f"{told}; its heatmaps are empty: nothing in them speaks for the class."
    return f"{told}; {parts_said(main['parts'])}."


def _mean_said(track: Mapping[str, Any]) -> str:
    return f"mean probability of fake of {_number_said(track)}"


def _number_said(track: Mapping[str, Any]) -> str:
    return f"{track['probability']:.2f} over {counted(len(track['frames']), 'frame')}"

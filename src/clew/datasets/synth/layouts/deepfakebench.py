"""DeepfakeBench: FaceForensics++ as its preprocessing leaves it, frames instead of videos, one JSON of all."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from clew.datasets.synth.clip import ClipId, write_script
from clew.datasets.synth.films import REAL, Film, Take, VideoUnit
from clew.datasets.synth.frame_folder import FrameFolder
from clew.datasets.synth.layouts.faceforensics import METHODS, name_of, pair_up
from clew.datasets.synth.sets import LAYOUTS, SPLITS, Plan, VideoSettings
from clew.datasets.synth.truth import Truth

DATASET = "FaceForensics++"
LABELS = {
    "real": "FF-real",
    "Deepfakes": "FF-DF",
    "Face2Face": "FF-F2F",
    "FaceSwap": "FF-FS",
    "NeuralTextures": "FF-NT",
}


def _kept(settings: VideoSettings, clip: ClipId) -> tuple[int, ...]:
    """The numbers of the frames that are kept of a clip, evenly spaced."""
    frames = write_script(clip, settings.format).frames
    at = np.linspace(0, frames - 1, min(settings.frames, frames))
    return tuple(int(k) for k in np.round(at))


def _folders(target: int, source: int, settings: VideoSettings) -> list[FrameFolder]:
    """The frames of one original and of its forgeries."""
    kept = _kept(settings, settings.clip(target))
    take_of = {"real": REAL, **{method: Take(method, settings.clip(source)) for method in METHODS}}
    folders = []
    for level in settings.compression:
        for method, take in take_of.items():
            real = method == "real"
            place = "original_sequences/youtube" if real else f"manipulated_sequences/{method}"
            name = name_of(target) if real else f"{name_of(target)}_{name_of(source)}"
            folders.append(FrameFolder(f"{DATASET}/{place}/{level}", name, take, level, kept))
    return folders


def _truth(folder: FrameFolder, split: str, ids: tuple[str, str]) -> Truth:
    fake = folder.take.source is not None
    return Truth(
        f"{folder.folder}/frames/{folder.name}",
        int(fake),
        folder.take.method,
        split,
        ids if fake else ids[:1],
        min(ids),
        folder.compression,
        f"{folder.folder}/masks/{folder.name}" if fake else "",
    )


def _index(listed: list[tuple[FrameFolder, str]]) -> str:
    """The JSON that DeepfakeBench reads: dataset, label, split, compression, video."""
    tree: dict[str, dict[str, dict[str, dict[str, Any]]]] = {
        label: {split: {} for split in SPLITS} for label in LABELS.values()
    }
    for folder, split in listed:
        label = LABELS[folder.take.method]
        frames = [folder.path("frames", number) for number in folder.numbers]
        videos = tree[label][split].setdefault(folder.compression, {})
        videos[folder.name] = {"label": label, "frames": frames}
    return json.dumps({DATASET: tree}, indent=1) + "\n"


@LAYOUTS.register("deepfakebench")
def plan_deepfakebench(settings: VideoSettings) -> Plan:
    """FaceForensics++ with the same pairs, splits and manipulations as the layout of videos."""
    units, truth = [], []
    listed: list[tuple[FrameFolder, str]] = []
    for a, b, split in pair_up(settings):
        for target, source in ((a, b), (b, a)):
            folders = _folders(target, source, settings)
            films: tuple[Film, ...] = tuple(folders)
            units.append(VideoUnit(settings.clip(target), settings.format, films))
            listed += [(folder, split) for folder in folders]
            truth += [_truth(folder, split, (name_of(target), name_of(source))) for folder in folders]
    listed.sort(key=lambda entry: (entry[0].take.method, entry[0].name, entry[0].compression))
    rows = sorted(truth, key=lambda row: row.path)
    return Plan(tuple(units), tuple(rows), {f"{DATASET}.json": lambda: _index(listed)})

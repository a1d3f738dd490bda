"""FaceForensics++: originals in pairs that lend each other their faces, four manipulations, official split lists."""

from __future__ import annotations

import json
from functools import partial

from clew.base.errors import ClewError
from clew.datasets.synth.films import REAL, Film, RegionFile, Take, VideoFile, VideoUnit
from clew.datasets.synth.sets import LAYOUTS, SPLITS, Plan, VideoSettings, deal
from clew.datasets.synth.truth import Truth

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
LEAST = 6


def name_of(number: int) -> str:
    """The id of an original."""
    return f"{number:03d}"


def pair_up(settings: VideoSettings) -> list[tuple[int, int, str]]:
    """Pairs of originals with their splits; raises ClewError when the originals do not come in pairs."""
    settings.need(LEAST, "a pair for each split")
    if settings.videos % 2:
        raise ClewError(f"videos is {settings.videos}; --layout {settings.layout} needs an even number: pairs.")
    order = [int(k) for k in settings.rng("pairs").permutation(settings.videos)]
    pairs = [(order[k], order[k + 1]) for k in range(0, settings.videos, 2)]
    splits = deal(len(pairs), settings.fractions, settings.rng("splits"))
    return [(a, b, split) for (a, b), split in zip(pairs, splits, strict=True)]


def _films(target: int, source: int, split: str, settings: VideoSettings) -> tuple[list[Film], list[Truth]]:
    """The files of one original and of what is made of it."""
    a, b = name_of(target), name_of(source)
    cluster = min(a, b)
    films: list[Film] = []
    truth = []
    for level in settings.compression:
        path = f"original_sequences/youtube/{level}/videos/{a}.mp4"
        films.append(VideoFile(path, REAL, level))
        truth.append(Truth(path, 0, "real", split, (a,), cluster, level))
    for method in METHODS:
        take = Take(method, settings.clip(source))
        region = f"manipulated_sequences/{method}/masks/videos/{a}_{b}.mp4"
        films.append(RegionFile(region, take))
        for level in settings.compression:
            path = f"manipulated_sequences/{method}/{level}/videos/{a}_{b}.mp4"
            films.append(VideoFile(path, take, level))
            truth.append(Truth(path, 1, method, split, (a, b), cluster, level, region))
    return films, truth


def _json(pairs: list[list[str]]) -> str:
    return json.dumps(pairs, indent=1) + "\n"


@LAYOUTS.register("faceforensics")
def plan_faceforensics(settings: VideoSettings) -> Plan:
    """Every original is the target of four manipulations with its partner as the source."""
    pairs = pair_up(settings)
    units: list[VideoUnit] = []
    truth: list[Truth] = []
    for a, b, split in pairs:
        for target, source in ((a, b), (b, a)):
            films, rows = _films(target, source, split, settings)
            units.append(VideoUnit(settings.clip(target), settings.format, tuple(films)))
            truth += rows
    units.sort(key=lambda unit: unit.target.person)
    lists = {part: [[name_of(a), name_of(b)] for a, b, split in pairs if split == part] for part in SPLITS}
    return Plan(
        tuple(units),
        tuple(sorted(truth, key=lambda row: row.path)),
        {f"{split}.json": partial(_json, pairs) for split, pairs in lists.items()},
    )

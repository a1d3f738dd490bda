"""DFDC preview: actors with several clips each, two methods, one dataset.json; the sets share no actor."""

from __future__ import annotations

import json
from typing import Any

from clew.datasets.synth.films import REAL, Take, VideoFile, VideoUnit
from clew.datasets.synth.sets import LAYOUTS, Plan, VideoSettings
from clew.datasets.synth.truth import Truth

LEAST = 8
CLIPS = 2  # of each actor
METHODS = {"method_A": "Deepfakes", "method_B": "FaceSwap"}
SCENES = "ABCDEFGH"


def _actors(settings: VideoSettings) -> tuple[list[int], set[int]]:
    """The actors' ids in order, and which places are for testing."""
    count = -(-settings.videos // CLIPS)
    ids = sorted(1_000_000 + int(k) for k in settings.rng("actors").choice(1_000_000, count, replace=False))
    order = settings.rng("test").permutation(count)
    tested = max(2, min(count - 2, round(settings.test_share * count)))
    return ids, {int(k) for k in order[:tested]}


@LAYOUTS.register("dfdc-preview")
def plan_dfdc_preview(settings: VideoSettings) -> Plan:
    """Every original is forged by both methods with the face of another actor of the same set."""
    settings.need(LEAST, "two actors of two clips each for train and for test")
    ids, tested = _actors(settings)
    level = settings.only_compression()
    units, truth = [], []
    facts: dict[str, dict[str, Any]] = {}
    for k in range(settings.videos):
        place, number = k % len(ids), k // len(ids)
        actor, split = ids[place], "test" if place in tested else "train"
        scene = SCENES[(place + 3 * number) % len(SCENES)]
        path = f"original_videos/{actor}/{actor}_{scene}_{number + 1:03d}.mp4"
        films = [VideoFile(path, REAL, level)]
        facts[path] = {"label": "real", "set": split, "augmentations": []}
        truth.append(Truth(path, 0, "real", split, (str(actor),), str(actor)))
        others = [p for p in range(len(ids)) if p != place and (p in tested) == (place in tested)]
        donors = settings.rng("donors", k).permutation(others)
        for turn, (method, forgery) in enumerate(METHODS.items()):
            donor = int(donors[turn % len(donors)])
            swapped = ids[donor]
            path = f"{method}/{actor}/{actor}_{scene}/{actor}_{swapped}_{scene}_{number + 1:03d}.mp4"
            films.append(VideoFile(path, Take(forgery, settings.clip(donor)), level))
            ends = {"target_id": actor, "swapped_id": swapped}
            facts[path] = {"label": "fake", "set": split, **ends, "augmentations": []}
            truth.append(Truth(path, 1, method, split, (str(actor), str(swapped)), str(actor)))
        units.append(VideoUnit(settings.clip(place, number), settings.format, tuple(films)))
    rows = sorted(truth, key=lambda row: row.path)
    return Plan(tuple(units), tuple(rows), {"dataset.json": lambda: json.dumps(facts, indent=1, sort_keys=True) + "\n"})

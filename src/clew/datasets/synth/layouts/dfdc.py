"""DFDC: parts with random names and a metadata.json each, and a test folder with labels.csv (1 = fake)."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from clew.datasets.synth.films import REAL, Take, VideoFile, VideoUnit
from clew.datasets.synth.sets import LAYOUTS, Plan, VideoSettings
from clew.datasets.synth.truth import Truth

LEAST = 6
METHODS = ("Deepfakes", "FaceSwap", "NeuralTextures", "Face2Face")
FAKES = 2  # of each original
PART = 10  # originals in a part, about


def _name(rng: np.random.Generator, taken: set[str]) -> str:
    """Ten random letters that no other video has."""
    while True:
        name = "".join(chr(97 + int(k)) for k in rng.integers(0, 26, 10)) + ".mp4"
        if name not in taken:
            taken.add(name)
            return name


def _folder(
    settings: VideoSettings, folder: str, people: list[int], taken: set[str]
) -> tuple[list[VideoUnit], dict[str, dict[str, Any]]]:
    """The clips of `people` and their forgeries in one folder, and what metadata.json says of each file."""
    rng, level = settings.rng("names", folder), settings.only_compression()
    units, facts = [], {}
    for place, person in enumerate(people):
        original = _name(rng, taken)
        facts[original] = {"label": "REAL", "split": "train"}
        films = [VideoFile(f"{folder}/{original}", REAL, level)]
        for turn in range(FAKES):
            donor = people[(place + 1 + turn % max(1, len(people) - 1)) % len(people)]
            take = Take(METHODS[(person + turn) % len(METHODS)], settings.clip(donor))
            name = _name(rng, taken)
            films.append(VideoFile(f"{folder}/{name}", take, level))
            facts[name] = {"label": "FAKE", "split": "train", "original": original}
        units.append(VideoUnit(settings.clip(person), settings.format, tuple(films)))
    return units, dict(sorted(facts.items()))


def _truth(folder: str, facts: dict[str, dict[str, Any]]) -> list[Truth]:
    rows = []
    for name, fact in facts.items():
        label, path = int(fact["label"] == "FAKE"), f"{folder}/{name}"
        origin = f"{folder}/{fact.get('original', name)}"
        known = folder != "test"
        rows.append(
            Truth(
                path,
                label,
                "fake" if label else "real",
                "train" if known else "test",
                (origin,) if known else (),
                origin if known else path,
            )
        )
    return rows


def _json(facts: dict[str, dict[str, Any]]) -> str:
    return json.dumps(facts, indent=1) + "\n"


def _csv(facts: dict[str, dict[str, Any]]) -> str:
    return "filename,label\n" + "".join(f"{name},{int(fact['label'] == 'FAKE')}\n" for name, fact in facts.items())


@LAYOUTS.register("dfdc")
def plan_dfdc(settings: VideoSettings) -> Plan:
    """Two fakes of every original, by people of the same part."""
    settings.need(LEAST, "two parts and a test folder with two originals each")
    order = [int(k) for k in settings.rng("parts").permutation(settings.videos)]
    tested = max(2, round(settings.test_share * settings.videos))
    rest = order[tested:]
    count = max(2, round(len(rest) / PART))
    folders = {f"dfdc_train_part_{k}": rest[k::count] for k in range(count)} | {"test": order[:tested]}
    units: list[VideoUnit] = []
    truth: list[Truth] = []
    texts: dict[str, Callable[[], str]] = {}
    taken: set[str] = set()
    for folder, people in folders.items():
        more, facts = _folder(settings, folder, people, taken)
        units += more
        truth += _truth(folder, facts)
        test = folder == "test"
        texts[f"{folder}/{'labels.csv' if test else 'metadata.json'}"] = partial(_csv if test else _json, facts)
    return Plan(tuple(units), tuple(truth), texts)

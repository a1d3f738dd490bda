"""OpenForensics: pictures of one to four people, real and forged faces mixed, a COCO file for each split."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from clew.base.files import write_bytes
from clew.datasets.synth.clip import ClipId, Format
from clew.datasets.synth.crowd import Group, draw_group, forge_member, gather, outline
from clew.datasets.synth.fields import Array
from clew.datasets.synth.sets import LAYOUTS, Plan, VideoSettings
from clew.datasets.synth.truth import Truth
from clew.media.pictures import encode_jpeg

LEAST = 8
MOST_PEOPLE = 4
FOLDERS = {"Train": "train", "Val": "val", "Test-Dev": "test", "Test-Challenge": "test"}
METHODS = ("Deepfakes", "FaceSwap")
CATEGORIES = [{"id": 0, "name": "Real"}, {"id": 1, "name": "Fake"}]


@dataclass(frozen=True)
class Forging:
    """How one face is forged: by which method, with whose face."""

    method: str
    donor: ClipId


@dataclass(frozen=True)
class CrowdUnit:
    """One picture with its forged faces."""

    path: str
    folder: str
    number: int
    people: tuple[int, ...]
    forgings: tuple[Forging | None, ...]  # per person; None: genuine
    first: int  # annotation id of the first person
    seed: int
    form: Format

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path,)

    @property
    def group(self) -> Group:
        """The picture before anything is drawn."""
        return gather(self.seed, self.number, self.people, self.form.height)

    def make(self, out: Path, wanted: frozenset[str]) -> None:
        group = self.group
        picture, moments = draw_group(group)
        for place, forging in enumerate(self.forgings):
            if forging is not None:
                picture = forge_member(picture, group, place, moments[place], forging.method, forging.donor, self.form)
        write_bytes(out / self.path, encode_jpeg(picture, group.shot.jpeg_quality))


def _folders(settings: VideoSettings) -> list[str]:
    """The folder of every picture; each folder has at least one."""
    count, (_, val, test) = settings.videos, settings.fractions
    half = max(1, round(0.5 * test * count))
    held = max(1, round(val * count))
    names = ["Val"] * held + ["Test-Dev"] * half + ["Test-Challenge"] * half
    names += ["Train"] * (count - len(names))
    out = [""] * count
    for place, name in zip(settings.rng("splits").permutation(count), names, strict=True):
        out[int(place)] = name
    return out


def _unit(settings: VideoSettings, number: int, folder: str, start: int, taken: int) -> CrowdUnit:
    """Picture `number`: its people are `start` and the following; `taken` faces of its folder stand before it."""
    rng = settings.rng("group", number)
    people = tuple(range(start, start + int(rng.integers(1, MOST_PEOPLE + 1))))
    forgings = tuple(
        Forging(METHODS[int(rng.integers(len(METHODS)))], settings.clip(1_000_000 + person))
        if (taken + place) % 2
        else None
        for place, person in enumerate(people)
    )
    path = f"Images/{folder}/{number:010x}.jpg"
    return CrowdUnit(path, folder, number, people, forgings, taken + 1, settings.seed, settings.format)


def _polygon(points: Array) -> list[float]:
    return [float(v) for v in points.ravel()]


def _coco(units: list[CrowdUnit]) -> str:
    """The COCO file of one split."""
    images, annotations = [], []
    for image, unit in enumerate(units):
        group = unit.group
        images.append({"id": image, "file_name": unit.path, "width": group.width, "height": group.height})
        for place, member in enumerate(group.members):
            points = outline(member, group.height)
            low, high = points.min(0), points.max(0)
            x, y, w, h = (float(v) for v in (*low, *(high - low + 1.0)))
            face: dict[str, Any] = {"id": unit.first + place, "image_id": image, "iscrowd": 0, "area": w * h}
            face |= {"bbox": [x, y, w, h], "segmentation": [_polygon(points)]}
            annotations.append(face | {"category_id": int(unit.forgings[place] is not None)})
    return json.dumps({"images": images, "annotations": annotations, "categories": CATEGORIES}, indent=1) + "\n"


def _truth(unit: CrowdUnit) -> list[Truth]:
    split = FOLDERS[unit.folder]
    rows = []
    for place, forging in enumerate(unit.forgings):
        label, method = (0, "real") if forging is None else (1, "fake")
        rows.append(Truth(unit.path, label, method, split, (), unit.path, face=str(unit.first + place)))
    return rows


@LAYOUTS.register("openforensics")
def plan_openforensics(settings: VideoSettings) -> Plan:
    """Here an original is a picture; every second face is forged."""
    settings.need(LEAST, "pictures for four folders")
    units: list[CrowdUnit] = []
    faces = dict.fromkeys(FOLDERS, 0)
    start = 0
    for number, folder in enumerate(_folders(settings)):
        unit = _unit(settings, number, folder, start, faces[folder])
        faces[folder] += len(unit.people)
        start += len(unit.people)
        units.append(unit)
    texts: dict[str, Callable[[], str]] = {
        f"{folder}_poly.json": partial(_coco, [unit for unit in units if unit.folder == folder]) for folder in FOLDERS
    }
    truth = sorted((row for unit in units for row in _truth(unit)), key=lambda row: (row.path, int(row.face)))
    return Plan(tuple(units), tuple(truth), texts)

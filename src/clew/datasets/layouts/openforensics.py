"""Layout `openforensics`: OpenForensics (Le et al., ICCV 2021), pictures of many faces with COCO annotations.

`Images/{Train,Val,Test-Dev,Test-Challenge}/*.jpg` (some copies lack Images/, or double the folder) and
`{Train,Val,Test-Dev,Test-Challenge}_poly.json` at the root or in the folder of the split.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.datasets.disk import Disk, check_root, counted, inside, shown
from clew.datasets.items import FAKE, REAL, Item, Listing, layouts
from clew.datasets.listed import not_named, present
from clew.datasets.recognise import signs, wrong_layout
from clew.datasets.records import as_list, as_object, choose, kind, read_object

PARTS = {"Train": "train", "Val": "val", "Test-Dev": "test", "Test-Challenge": "test"}
CATEGORIES = {0: REAL, 1: FAKE}
NAMES = {"real": REAL, "fake": FAKE}
EXPECTED = f"{{{','.join(PARTS)}}}_poly.json and the pictures in Images/SPLIT/ or SPLIT/"

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as an annotation file describes it; its size is None where the file does not tell it."""

    path: str
    size: tuple[float, float] | None


@signs.register("openforensics")
def looks_like_openforensics(root: Path) -> bool:
    """Whether `root`, or the folder of a split, holds one of the annotation files."""
    return any(_annotations(root, part) is not None for part in PARTS)


@layouts.register("openforensics")
def read_openforensics(root: Path) -> Listing:
    """One item for each annotated face; the faces of a picture stay together, since the picture is their cluster."""
    found = check_root(root)
    files = {part: _annotations(root, part) for part in PARTS}
    if not any(files.values()):
        raise wrong_layout(root, "openforensics", EXPECTED, found)
    disk = Disk(root)
    items: list[Item] = []
    notes: list[str] = []
    for part, path in files.items():
        if path is not None:
            items += _read_part(path, part, disk, notes)
        elif any(Disk(root).files(folder) for folder in _folders(part)):
            notes.append(f"{part}_poly.json is not there: the pictures of {part} are left out.")
    if not items:
        raise ClewError(f"{root}: the annotation files name no faces.")
    return Listing(items, (*notes, *not_named(disk, items, "any annotation")), official=True)


def _folders(part: str) -> tuple[str, ...]:
    return (f"Images/{part}", part, f"{part}/{part}")


def _annotations(root: Path, part: str) -> Path | None:
    paths = (root / folder / f"{part}_poly.json" for folder in ("", *_folders(part)))
    return next((path for path in paths if os.path.lexists(path)), None)


def _read_part(path: Path, part: str, disk: Disk, notes: list[str]) -> list[Item]:
    data = read_object(path)
    labels = _labels(data.get("categories"), path)
    images = _images(data.get("images"), path, part, disk)
    items: dict[tuple[str, str], Item] = {}
    unknown: list[str] = []
    seen = set()
    for number, value in enumerate(as_list(data.get("annotations"), f"{path}, annotations"), 1):
        where = f"{path}, annotation {number}"
        facts = as_object(value, where)
        face = _key(facts.get("id"), f"{where}, id")
        image_id = _key(facts.get("image_id"), f"{where}, image_id")
        if image_id not in images:
            unknown.append(face)
            continue
        seen.add(image_id)
        item = _item(facts, face, images[image_id], PARTS[part], _label(facts, labels, where))
        if items.setdefault((item.source, face), item) is not item:
            raise ClewError(f"{where}: the id {shown(face)} stands twice; expected each once.")
        items[item.source, face] = present(item, disk, path.name)
    if unknown:
        notes.append(
            f"{path.name}: {counted(len(unknown), 'annotation')} of unknown images are left out, the first has the "
            f"id {shown(unknown[0])}."
        )
    if len(seen) < len(images):
        notes.append(f"{path.name}: {counted(len(images) - len(seen), 'picture')} without annotated faces.")
    return [items[key] for key in sorted(items, key=lambda key: (key[0], len(key[1]), key[1]))]


def _images(value: object, path: Path, part: str, disk: Disk) -> dict[str, Image]:
    images: dict[str, Image] = {}
    for number, entry in enumerate(as_list(value, f"{path}, images"), 1):
        where = f"{path}, image {number}"
        facts = as_object(entry, where)
        name = inside(facts.get("file_name"), where)
        places = [name, *(f"{folder}/{name.rpartition('/')[2]}" for folder in _folders(part))]
        source = next((place for place in places if disk.has(place)), name)
        key = _key(facts.get("id"), f"{where}, id")
        if key in images:
            raise ClewError(f"{where}: the id {shown(key)} stands twice; expected each once.")
        size = _numbers((facts.get("width"), facts.get("height")))
        images[key] = Image(source, (size[0], size[1]) if size else None)
    return images


def _labels(value: object, path: Path) -> dict[str, int]:
    """Label by category id: as the names in the file say; without names 0 is real and 1 is fake."""
    if value is None:
        return {str(number): label for number, label in CATEGORIES.items()}
    labels = {}
    for number, entry in enumerate(as_list(value, f"{path}, categories"), 1):
        where = f"{path}, category {number}"
        facts = as_object(entry, where)
        name = facts.get("name")
        key = _key(facts.get("id"), f"{where}, id")
        labels[key] = choose(name.lower() if isinstance(name, str) else name, NAMES, f"{where}, name")
    return labels


def _label(facts: Mapping[str, Any], labels: dict[str, int], where: str) -> int:
    key = _key(facts.get("category_id"), f"{where}, category_id")
    if key not in labels:
        raise ClewError(f"{where}: expected a category_id of {', '.join(labels)}; found {shown(key)}.")
    return labels[key]


def _item(facts: Mapping[str, Any], face: str, image: Image, split: str, label: int) -> Item:
    box, why = _box(facts.get("bbox"), image.size)
    return Item(
        source=image.path,
        label=label,
        method="real" if label == REAL else "fake",
        split=split,
        face=face,
        box=box,
        outline=_outline(facts.get("segmentation")),
        status="unreadable" if why else "ok",
        detail=f"{shown(image.path)}, face {shown(face)}: {why}" if why else "",
    )


def _box(value: object, size: tuple[float, float] | None) -> tuple[Box | None, str]:
    """The box x, y, width, height and ""; or None and what is wrong with it."""
    numbers = _numbers(value) if isinstance(value, list) else None
    if numbers is None or len(numbers) != 4:
        return None, f"its box is {kind(value) if not isinstance(value, list) else shown(value)}, not four numbers"
    x, y, width, height = numbers
    if width <= 0 or height <= 0:
        return None, f"its box has the size {width:g} x {height:g}"
    if x + width <= 0 or y + height <= 0 or (size and (x >= size[0] or y >= size[1])):
        return None, f"its box at {x:g}, {y:g} lies outside of the picture"
    return (x, y, width, height), ""


def _outline(value: object) -> tuple[tuple[float, ...], ...]:
    """The polygons of three points and more; run lengths (a dict) and broken polygons are left out."""
    polygons = [_numbers(polygon) for polygon in value if isinstance(polygon, list)] if isinstance(value, list) else []
    return tuple(p for p in polygons if p is not None and len(p) >= 6 and len(p) % 2 == 0)


def _numbers(value: object) -> tuple[float, ...] | None:
    """`value` as finite numbers; None when one of them is not."""
    if not isinstance(value, list | tuple) or not set(map(type, value)) <= {int, float}:
        return None
    try:
        numbers = tuple(map(float, value))
    except OverflowError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _key(value: object, where: str) -> str:
    if type(value) not in (int, str) or value == "":
        raise ClewError(f"{where}: expected a number or a name, found {kind(value)}.")
    return str(value)

"""Crops of a video that lies there as a folder of pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from clew.datasets.crop_pictures import crop_pictures
from clew.datasets.items import PICTURE, Item
from clew.datasets.recipe import Recipe
from clew.datasets.rows import Cropped, Entry
from clew.media.videos import evenly_spaced


def crop_frames(recipe: Recipe, entry: Entry, done: Callable[[], None]) -> Iterator[Cropped]:
    """The rows of evenly spaced frames; each frame's number is the one in its name, else its place."""
    item = entry.item
    if item.status != "ok" or not item.frames:
        yield entry.lost(item.status if item.status != "ok" else "missing", item.detail or f"{item.source}: no frames.")
        done()
        return
    chosen = evenly_spaced(len(item.frames), recipe.protocol.frames)
    entries = [
        replace(entry, item=replace(item, source=path, kind=PICTURE, region=_region(item, path)))
        for path in (item.frames[i] for i in chosen)
    ]
    number = {item.frames[i]: _number(item.frames[i], i) for i in chosen}
    for cropped in crop_pictures(recipe, entries, lambda: None):
        cropped.row["frame"] = number[cropped.row["source"]]
        yield cropped
    done()


def _region(item: Item, frame: str) -> str:
    """The picture of a frame's region: the one of the same name in the folder of regions."""
    return f"{item.region}/{PurePosixPath(frame).name}" if item.region else ""


def _number(path: str, place: int) -> int:
    digits = re.findall(r"\d+", PurePosixPath(path).stem)
    return int(digits[-1][-9:]) if digits else place

"""Crops of pictures: as they are given, at the dataset's own boxes, or where a detector finds faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby

import cv2
import numpy as np

from clew.base.errors import ClewError
from clew.datasets.recipe import Recipe
from clew.datasets.rows import Crop, Cropped, Entry, Region
from clew.media.faces.base import Box
from clew.media.faces.cutting import cut_face
from clew.media.faces.following import faces_in_picture
from clew.media.jpeg import jpeg_quality
from clew.media.pictures import Picture, decode_picture, read_bytes, read_picture, square

Cut = Callable[[Crop], Crop]


def crop_pictures(recipe: Recipe, entries: Sequence[Entry], done: Callable[[], None]) -> Iterator[Cropped]:
    """The rows of pictures, in order; faces of one picture that follow each other share its decoding."""
    for source, group in groupby(entries, key=lambda entry: entry.item.source):
        members = list(group)
        usable = [entry for entry in members if entry.item.status == "ok"]
        opened = _open(recipe, source) if usable else None
        for entry in members:
            if entry.item.status != "ok":
                yield entry.lost(entry.item.status, entry.item.detail)
            elif isinstance(opened, str):
                yield entry.lost("unreadable", opened)
            elif opened is not None:
                yield from _faces(recipe, entry, *opened)
            done()


def _open(recipe: Recipe, source: str) -> tuple[Picture, dict[str, object]] | str:
    """A picture with what the index says of its file, or why it cannot be read."""
    path = recipe.root / source
    try:
        data = read_bytes(path)
        picture = decode_picture(data, str(path))
    except ClewError as error:
        return recipe.relative(error)
    height, width = picture.shape[:2]
    return picture, {"width": width, "height": height, "bytes": len(data), "quality": jpeg_quality(data)}


def _faces(recipe: Recipe, entry: Entry, picture: Picture, facts: dict[str, object]) -> Iterator[Cropped]:
    item, protocol = entry.item, recipe.protocol
    if item.box is not None:
        yield _boxed(recipe, entry, picture, facts)
        return
    finder = recipe.finder
    if finder is None:
        if min(picture.shape[:2]) < 2:
            yield entry.lost("too-small", f"{item.source} has {picture.shape[1]} x {picture.shape[0]} pixels.", **facts)
            return
        region = _region(recipe, entry, picture, partial(square, size=protocol.size))
        yield entry.found(square(picture, protocol.size), region, **facts)
        return
    found = faces_in_picture(picture, finder)
    if not found:
        yield entry.lost("no-face", f"{item.source}: no face was found.", **facts)
    for track, face in enumerate(found[:1] if protocol.people == "largest" else found):
        cut = partial(cut_face, box=face.box, size=protocol.size, scale=protocol.scale)
        yield entry.found(
            cut(picture),
            _region(recipe, entry, picture, cut),
            sample=item.source if protocol.people == "largest" else f"{item.source}#{track}",
            box=[face.box.x, face.box.y, face.box.width, face.box.height],
            track=track,
            **facts,
        )


def _boxed(recipe: Recipe, entry: Entry, picture: Picture, facts: dict[str, object]) -> Cropped:
    """The face at the box that the dataset names; its outline is the region of a fake."""
    item, protocol = entry.item, recipe.protocol
    assert item.box is not None
    x, y, width, height = item.box
    if x >= picture.shape[1] or y >= picture.shape[0] or x + width <= 0 or y + height <= 0:
        size = f"{picture.shape[1]} x {picture.shape[0]}"
        return entry.lost("unreadable", f"{item.source}: the box of face {item.face} lies outside {size}.", **facts)
    box = Box(x, y, width, height)
    region = None
    if item.label and item.outline:
        region = cut_face(_drawn(item.outline, picture), box, protocol.size, protocol.scale)
    return entry.found(cut_face(picture, box, protocol.size, protocol.scale), _binary(region), **facts)


def _drawn(outline: Sequence[Sequence[float]], picture: Picture) -> Region:
    """Polygons filled with 255, as large as the picture: (H, W)."""
    area = np.zeros(picture.shape[:2], np.uint8)
    limit = 4.0 * max(picture.shape[:2])
    for polygon in outline:
        points = np.clip(np.asarray(polygon, np.float64).reshape(-1, 2), -limit, limit)
        cv2.fillPoly(area, [np.round(points).astype(np.int32)], (255,))
    return area


def _region(recipe: Recipe, entry: Entry, picture: Picture, cut: Cut) -> Region | None:
    """The region of a fake, cut as its crop is; None where it is not known."""
    if not entry.item.region:
        return None
    try:
        area = read_picture(recipe.root / entry.item.region)
    except ClewError:
        return None
    if area.shape[:2] != picture.shape[:2]:
        area = cv2.resize(area, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)  # type: ignore[assignment]
    return _binary(cut(area)[..., 0])


def _binary(area: Region | None) -> Region | None:
    return None if area is None else (area > 127).astype(np.uint8)

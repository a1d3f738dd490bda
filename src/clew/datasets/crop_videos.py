"""Crops of a video: faces found and followed on evenly spaced frames, or whole frames as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any

import cv2
import numpy as np

from clew.base.errors import ClewError
from clew.datasets.recipe import Recipe
from clew.datasets.rows import Cropped, Entry, Region
from clew.media.faces.cutting import cut_face
from clew.media.faces.following import FollowSettings, faces_in_video
from clew.media.faces.frames import FrameFaces
from clew.media.pictures import Picture, square
from clew.media.videos import evenly_spaced, probe, read_frames


def crop_video(recipe: Recipe, entry: Entry, done: Callable[[], None]) -> Iterator[Cropped]:
    """The rows of one video, in order of frames and tracks; a video that cannot be opened gives one row."""
    item = entry.item
    try:
        if item.status != "ok":
            yield entry.lost(item.status, item.detail)
            return
        path = recipe.root / item.source
        facts = probe(path)
        wanted = evenly_spaced(facts.frames, recipe.protocol.frames)
        known: dict[str, Any] = {"width": facts.width, "height": facts.height, "bytes": path.stat().st_size}
        if facts.damage:  # its good frames count, and say what is wrong with the rest
            known["detail"] = f"{item.source} is damaged: {facts.damage}"
        if recipe.finder is None:
            yield from _whole_frames(recipe, entry, wanted, known)
        else:
            yield from _faces(recipe, entry, wanted, known)
    except (ClewError, OSError) as error:
        yield entry.lost("unreadable", recipe.relative(error))
    finally:
        done()


def _faces(recipe: Recipe, entry: Entry, wanted: list[int], known: dict[str, Any]) -> Iterator[Cropped]:
    protocol, source = recipe.protocol, entry.item.source
    assert recipe.finder is not None
    settings = FollowSettings(largest=protocol.people == "largest")
    frames = faces_in_video(recipe.root / source, wanted, recipe.finder, settings)
    for frame, area in zip_longest(frames, _regions(recipe, entry, wanted, known)):
        if frame is None:
            break
        place = {**known, "frame": frame.index, "time_s": frame.time_s}
        name = f"{source}#{frame.index}"
        if frame.status == "unreadable":
            yield _lost(entry, "unreadable", f"{source}: {frame.reason}", name, place)
        elif not frame.faces:
            yield _lost(entry, "no-face", f"{source}: no face was found in frame {frame.index}.", name, place)
        else:
            yield from _tracked(recipe, entry, frame, area, place)


def _lost(entry: Entry, status: str, why: str, name: str, place: dict[str, Any]) -> Cropped:
    """The row of a frame without a crop; one that could not be read has no time."""
    time_s = 0.0 if status == "unreadable" else place["time_s"]
    return entry.lost(sample=name, **{**place, "status": status, "detail": why, "time_s": time_s})


def _tracked(
    recipe: Recipe, entry: Entry, frame: FrameFaces, area: Picture | None, place: dict[str, Any]
) -> Iterator[Cropped]:
    protocol = recipe.protocol
    for face in frame.faces:
        region = None if area is None else _binary(cut_face(area, face.box, protocol.size, protocol.scale))
        yield entry.found(
            frame.cut(face.box, protocol.size, protocol.scale),
            region,
            sample=f"{entry.item.source}#{frame.index}:{face.track}",
            box=[face.box.x, face.box.y, face.box.width, face.box.height],
            track=face.track,
            **place,
        )


def _whole_frames(recipe: Recipe, entry: Entry, wanted: list[int], known: dict[str, Any]) -> Iterator[Cropped]:
    source, size = entry.item.source, recipe.protocol.size
    frames = read_frames(recipe.root / source, wanted)
    for frame, area in zip_longest(frames, _regions(recipe, entry, wanted, known)):
        if frame is None:
            break
        place = {**known, "frame": frame.index, "time_s": frame.time_s}
        name = f"{source}#{frame.index}"
        if frame.rgb is None:
            yield _lost(entry, "unreadable", f"{source}: {frame.reason}", name, place)
        else:
            region = None if area is None else _binary(square(area, size))
            yield entry.found(square(frame.rgb, size), region, sample=name, **place)


def _regions(recipe: Recipe, entry: Entry, wanted: list[int], known: dict[str, Any]) -> Iterator[Picture | None]:
    """The region video's frames beside those of its video, as large as they are; None where it has none."""
    if not entry.item.region:
        return
    size = (known["width"], known["height"])
    try:
        for frame in read_frames(recipe.root / entry.item.region, wanted):
            same = frame.rgb is None or frame.rgb.shape[1::-1] == size
            yield frame.rgb if same else cv2.resize(frame.rgb, size, interpolation=cv2.INTER_NEAREST)  # type: ignore
    except ClewError:  # the crops are good without it: their column `region` says that it is not known
        return


def _binary(area: Picture) -> Region:
    return (area[..., 0] > 127).astype(np.uint8)

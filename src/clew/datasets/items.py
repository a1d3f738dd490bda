"""What a layout's reader says of each file, before anything is cropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clew.base.registry import Registry

REAL, FAKE = 0, 1
SPLITS = ("train", "val", "test")
PICTURE, VIDEO, FRAMES = "picture", "video", "frames"


@dataclass(frozen=True, slots=True)
class Item:
    """One picture, one face of a picture, or one video of a dataset.

    All paths are relative to the root, with slashes. A reader may hand in an item that it already knows to be
    unusable: `status` (missing, left-out, unreadable) and `detail` then say why, and it becomes a row of its own.
    """

    source: str  # the file; for kind `frames` the folder that holds them
    label: int  # 0 real, 1 fake
    method: str  # "real" for reals
    split: str = ""  # train, val, test, or "" where the layout names none: it is drawn
    groups: tuple[str, ...] = ()  # the identities, or the source group, that it belongs to; empty: unknown
    video: str = ""  # the whole identity of a video (its source: names repeat under other methods); "" for pictures
    compression: str = ""
    region: str = ""  # the picture or video of its forged area; "" when unknown
    kind: str = PICTURE  # picture, video or frames
    cluster: str = ""  # named by the reader where connected identities would join everybody
    frames: tuple[str, ...] = ()  # kind `frames`: the pictures of a video, in order of time
    face: str = ""  # which face of a picture with several
    box: tuple[float, float, float, float] | None = None  # x, y, width, height in pixels, where the layout tells it
    outline: tuple[tuple[float, ...], ...] = ()  # polygons (x0, y0, x1, y1, ...) of the face; a fake's region
    status: str = "ok"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a reader found: the items in a fixed order, and what the user should know about them.

    `official` splits are taken as they are (a leak in them warns); others must not leak.
    """

    items: list[Item]
    notes: tuple[str, ...] = ()
    official: bool = False


layouts: Registry[Callable[[Path], Listing]] = Registry("layout")

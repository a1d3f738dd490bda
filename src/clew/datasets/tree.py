"""Reading a tree of folders named after splits and labels: what `folder` and `openforensics-crops` share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from clew.base.errors import ClewError
from clew.datasets.disk import Walk, counted, shown
from clew.datasets.groups import Groups, read_groups
from clew.datasets.items import FAKE, PICTURE, REAL, VIDEO, Item, Listing
from clew.datasets.listed import NOT_A_FILE, legible, unreadable
from clew.media.pictures import is_picture
from clew.media.videos import is_video

REGION_VIDEOS = (".mp4", ".mkv", ".avi")


def is_media(path: Path) -> bool:
    """Whether the name says that `path` is a picture or a video."""
    return is_picture(path) or is_video(path)


def read_tree(root: Path, splits: Mapping[str, str], labels: Mapping[str, int]) -> Listing:
    """What lies in `root`/SPLIT/LABEL/**, in sorted order; `splits` {"": ""} means that there is no SPLIT level."""
    groups = read_groups(root)
    walk = Walk(root, is_media)
    items = []
    for folder, split in splits.items():
        for name, label in labels.items():
            place = f"{folder}/{name}".lstrip("/")
            paths = walk.files(place)
            if place in walk.repeated:
                raise ClewError(f"{root / place} is a link to a folder that was read already: expected another folder.")
            for path in paths:
                item = _item(root, path, label, split, groups)
                items.append(legible(unreadable(item, NOT_A_FILE) if path in walk.odd else item))
    if not items:
        raise ClewError(f"{root} holds no pictures (.jpg, .png, .webp, .bmp) or videos below its class folders.")
    return Listing(items, (*_repeated(walk), *_foreign(walk), *_ungrouped(groups, items)))


def _item(root: Path, path: str, label: int, split: str, groups: Groups) -> Item:
    members, method = groups.get(path, ((), ""))
    moving = is_video(Path(path))
    return Item(
        source=path,
        label=label,
        method="real" if label == REAL else method or "fake",
        split=split,
        groups=members,
        video=path if moving else "",
        region=_region(root, path, moving) if label == FAKE else "",
        kind=VIDEO if moving else PICTURE,
    )


def _region(root: Path, path: str, moving: bool) -> str:
    stem = f"regions/{path.rpartition('.')[0]}"
    names = (stem + suffix for suffix in (REGION_VIDEOS if moving else (".png",)))
    return next((name for name in names if os.path.isfile(root / name)), "")


def _repeated(walk: Walk) -> list[str]:
    if not walk.repeated:
        return []
    links = counted(len(walk.repeated), "link")
    return [f"Left out: {links} to folders that were read already, the first {shown(walk.repeated[0])}."]


def _foreign(walk: Walk) -> list[str]:
    if not walk.foreign:
        return []
    files = counted(len(walk.foreign), "picture")
    return [
        f"Left out: {files} of kinds that are not read (convert to PNG or JPEG), the first {shown(walk.foreign[0])}."
    ]


def _ungrouped(groups: Groups, items: list[Item]) -> list[str]:
    """What groups.csv names and is not there, and what it does not name."""
    if not groups:
        return []
    sources = {item.source for item in items}
    absent = [path for path in groups if path not in sources]
    alone = [item.source for item in items if not item.groups]
    notes = []
    if absent:
        notes.append(
            f"groups.csv names {counted(len(absent), 'path')} that cannot be found, the first {shown(absent[0])}."
        )
    if alone:
        notes.append(
            f"groups.csv gives no group to {counted(len(alone), 'file')}, the first {shown(alone[0])}: "
            "each of these is a cluster of its own."
        )
    return notes

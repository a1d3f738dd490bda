"""What becomes of a file that is named but not there, of one that is there but not named, and of an odd name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from clew.base.errors import ClewError
from clew.datasets.disk import Disk, counted, encodable, shown
from clew.datasets.items import Item
from clew.media.pictures import is_picture
from clew.media.videos import is_video

NOT_A_FILE = "is not a file that can be read: a broken link or a device"
NOT_UTF8 = "the file name is not UTF-8; rename the file"


def present(item: Item, disk: Disk, named_by: str = "") -> Item:
    """`item` when its file is there, else the same as missing; `named_by` is the list that names it."""
    folder, _, name = item.source.rpartition("/")
    if item.status == "ok" and not disk.has(item.source):
        if name in disk.files(folder):
            item = unreadable(item, NOT_A_FILE)
        else:
            why = f"is named by {shown(named_by)}, but it is not there"
            item = replace(item, status="missing", detail=f"{shown(item.source)} {why}")
    return legible(item)


def unreadable(item: Item, why: str) -> Item:
    """The same item with the status unreadable."""
    return replace(item, status="unreadable", detail=f"{shown(item.source)} {why}")


def legible(item: Item) -> Item:
    """`item`; one whose name is not UTF-8, which no index can hold, as unreadable and with its bytes escaped."""
    if encodable(item.source):
        return item
    name = item.source.encode("utf-8", "backslashreplace").decode()
    return replace(
        item,
        source=name,
        video=name if item.video else "",
        groups=(),
        cluster="",
        region="",
        status="unreadable",
        detail=f"{name}: {NOT_UTF8}",
    )


def distinct(items: Iterable[Item], where: str) -> list[Item]:
    """The items, equal ones once; raises ClewError, which begins with `where`, for one file with two descriptions."""
    found: dict[tuple[str, str], Item] = {}
    for item in items:
        if found.setdefault((item.source, item.face), item) != item:
            raise ClewError(f"{where}: {shown(item.source)} is described twice, differently; expected one description.")
    return list(found.values())


def not_named(disk: Disk, items: Iterable[Item], named_by: str) -> list[str]:
    """A note on the videos and pictures that lie in the folders read so far and that no list names."""
    paths = disk.unnamed(lambda path: is_video(path) or is_picture(path), {item.source for item in items})
    return left(paths, "file", f"not named by {shown(named_by)}")


def left(paths: Sequence[str], noun: str, why: str) -> list[str]:
    """A note that `paths`, the first of which it names, are left out; none for none."""
    if not paths:
        return []
    verb = "is" if len(paths) == 1 else "are"
    return [f"{counted(len(paths), noun)} {verb} {why} and left out, the first {shown(paths[0])}."]

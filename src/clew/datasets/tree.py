"""Reading a tree of folders named after splits and labels: what `folder` and `openforensics-crops` share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from clew.base.errors import ClewError
from clew.datasets.groups import Groups, read_groups
from clew.datasets.items import FAKE, REAL, Item
from clew.media.pictures import is_picture

NAMES = {REAL: "real", FAKE: "fake"}


def check_root(root: Path) -> list[str]:
    """The names of the folders in `root`, sorted; raises ClewError when it is no folder or an empty one."""
    if not root.is_dir():
        raise ClewError(f"{root} is not a folder: name the root folder of the dataset.")
    names = sorted(entry.name for entry in os.scandir(root))
    if not names:
        raise ClewError(f"{root} is an empty folder: name the root folder of the dataset.")
    return [name for name in names if (root / name).is_dir() and not name.startswith(".")]


def read_tree(root: Path, splits: Mapping[str, str], labels: Mapping[str, int]) -> list[Item]:
    """Items of `root`/SPLIT/LABEL/**/picture, in sorted order; `splits` {"": ""} means that there is no SPLIT level."""
    groups = read_groups(root)
    items = []
    for folder, split in splits.items():
        for name, label in labels.items():
            for path in walk(root / folder / name):
                items.append(_item(root, path.relative_to(root).as_posix(), label, split, groups))
    if not items:
        raise ClewError(f"{root} holds no pictures (.jpg, .png, .webp, .bmp) below its class folders.")
    return items


def walk(folder: Path) -> list[Path]:
    """All pictures below `folder`, in sorted order; symbolic links to folders are not followed."""
    found = []
    for here, folders, files in os.walk(folder):
        folders.sort()
        found += [Path(here) / name for name in sorted(files) if is_picture(Path(name))]
    return found


def _item(root: Path, source: str, label: int, split: str, groups: Groups) -> Item:
    members, method = groups.get(source, ((), ""))
    region = f"regions/{Path(source).with_suffix('.png').as_posix()}"
    return Item(
        source=source,
        label=label,
        method="real" if label == REAL else method or "fake",
        split=split,
        groups=members,
        region=region if label == FAKE and (root / region).is_file() else "",
    )


def wrong_layout(root: Path, layout: str, expected: str, found: list[str]) -> ClewError:
    """The error for a root that does not look like `layout`, with the layout that it looks like, if any."""
    names = set(found)
    hint = ""
    if layout != "openforensics-crops" and {"Train", "Test"} <= names:
        hint = " It looks like --layout openforensics-crops."
    elif layout != "folder" and ({"train", "test"} <= names or {"real", "fake"} <= names):
        hint = " It looks like --layout folder."
    shown = ", ".join(found[:8]) or "no folders"
    return ClewError(f"{root} is not laid out as '{layout}': expected {expected}; found {shown}.{hint}")

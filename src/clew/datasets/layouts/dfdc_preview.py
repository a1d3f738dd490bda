"""Layout `dfdc-preview`: the preview of the DFDC (Dolhansky et al., 2019), methods A and B.

`method_A/…`, `method_B/…`, `original_videos/…` and dataset.json, which gives each video its label, set and identities.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.datasets.disk import Disk, Walk, check_root, counted, inside, shown
from clew.datasets.items import FAKE, REAL, VIDEO, Item, Listing, layouts
from clew.datasets.listed import distinct, left, present
from clew.datasets.recognise import signs, wrong_layout
from clew.datasets.records import as_object, choose, identity, read_object
from clew.media.videos import is_video

LIST = "dataset.json"
LABELS = {"real": REAL, "fake": FAKE}
SETS = {"train": "train", "test": "test", "val": "val", "validation": "val"}
FOLDERS = ("original_videos", "method_A", "method_B")
NAME = re.compile(r"(\d+)(?:_(\d+))?_[A-Za-z]+_\d+")  # TARGET_SWAPPED_X_NNN or TARGET_X_NNN
EXPECTED = f"{', '.join(f'{name}/' for name in FOLDERS)} and {LIST}"


@signs.register("dfdc-preview")
def looks_like_dfdc_preview(root: Path) -> bool:
    """Whether `root` has dataset.json and one of the folders of videos."""
    return os.path.isfile(root / LIST) and any(os.path.isdir(root / name) for name in FOLDERS)


@layouts.register("dfdc-preview")
def read_dfdc_preview(root: Path) -> Listing:
    """All videos that dataset.json names; the cluster is the target's identity."""
    found = check_root(root)
    if not os.path.lexists(root / LIST):
        raise wrong_layout(root, "dfdc-preview", EXPECTED, found)
    disk = Disk(root)
    path = root / LIST
    records = sorted(read_object(path).items())
    items = distinct((_item(path, name, record, disk) for name, record in records), str(path))
    if not items:
        raise ClewError(f"{path} names no videos.")
    walk = Walk(root, is_video)
    named = {item.source for item in items}
    there = [file for name in FOLDERS if name in found for file in walk.files(name)]
    notes = left([file for file in there if file not in named], "video", f"not named by {LIST}")
    unknown = [item.source for item in items if not item.groups]
    if unknown:
        notes.append(
            f"{counted(len(unknown), 'video')} of unknown identity, the first {shown(unknown[0])}: "
            "each of these is a cluster of its own."
        )
    return Listing(items, tuple(notes), official=True)


def _item(path: Path, name: str, record: Any, disk: Disk) -> Item:
    where = f"{path}, {shown(name)}"
    source = inside(name, str(path))
    facts = as_object(record, where)
    label = choose(facts.get("label"), LABELS, f"{where}, label")
    folder = source.partition("/")[0]
    if folder in FOLDERS and (folder == FOLDERS[0]) != (label == REAL):
        raise ClewError(f"{where}: labelled {facts['label']}, but it lies in {folder}; take the official {LIST}.")
    groups = _identities(source, facts, where)
    item = Item(
        source=source,
        label=label,
        method="real" if label == REAL else folder,
        split=choose(facts.get("set"), SETS, f"{where}, set"),
        groups=groups[:1] if label == REAL else groups,
        video=source,
        kind=VIDEO,
        cluster=groups[0] if groups else "",
    )
    return present(item, disk, LIST)


def _identities(source: str, facts: dict[str, Any], where: str) -> tuple[str, ...]:
    """Target and swapped identity: as the list says, else as the file name says, else none."""
    match = NAME.fullmatch(source.rpartition("/")[2].rpartition(".")[0])
    named = match.groups() if match else (None, None)
    told = [identity(facts.get(key), f"{where}, {key}") for key in ("target_id", "swapped_id")]
    target, swapped = (mine or other or "" for mine, other in zip(told, named, strict=True))
    return tuple(dict.fromkeys(name for name in (target, swapped) if name)) if target else ()

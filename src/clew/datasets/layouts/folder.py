"""Layout `folder`: anyone's pictures or videos, `{train,val,test}/{real,fake}/…` or `{real,fake}/…`.

Perhaps with a groups.csv (path, group, and perhaps method), and with regions/PATH.png or regions/PATH.mp4.
"""

from __future__ import annotations

import os
from pathlib import Path

from clew.datasets.disk import check_root, folders
from clew.datasets.items import FAKE, REAL, SPLITS, Listing, layouts
from clew.datasets.recognise import signs, wrong_layout
from clew.datasets.tree import read_tree

LABELS = {"real": REAL, "fake": FAKE}
EXPECTED = "{train,val,test}/{real,fake}/ or {real,fake}/ with pictures or videos below"


@signs.register("folder")
def looks_like_a_folder(root: Path) -> bool:
    """Whether `root`, or its train, has the folders real and fake."""
    return any(all(os.path.isdir(root / part / name) for name in LABELS) for part in ("", "train"))


@layouts.register("folder")
def read_folder(root: Path) -> Listing:
    """The pictures and videos of a folder; without split folders the splits are drawn later, by cluster."""
    found = check_root(root)
    if set(LABELS) <= set(found):
        return read_tree(root, {"": ""}, LABELS)
    parts = [name for name in SPLITS if name in found]
    if "train" not in parts or any(not os.path.isdir(root / part / name) for part in parts for name in LABELS):
        listed = [f"{part}/{name}" for part in parts for name in folders(root / part)] or found
        raise wrong_layout(root, "folder", EXPECTED, listed)
    return read_tree(root, {name: name for name in parts}, LABELS)
